"""The runs of a study: names, index, manifest and what a lab leaves out by hand."""
