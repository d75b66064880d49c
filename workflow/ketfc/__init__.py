"""From fMRIPrep derivatives to circuits tested against suicidal ideation.

Data flows one way, and so do the imports: :mod:`ketfc.study` (what was measured),
:mod:`ketfc.imaging` (from BOLD to connectivity), :mod:`ketfc.inference` (from connectivity
to evidence), :mod:`ketfc.reporting` (from evidence to paper). Nothing here knows of Snakemake.
"""

__version__ = "0.2.0"
