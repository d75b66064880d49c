"""Head motion: QC-FC and the motion gate."""
