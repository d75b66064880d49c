# The figures of a bundle, drawn again from the tables in it: docs/bundle.md.
#
#   snakemake -s CLONE/Snakefile --cores 2 figures --configfile redraw.yaml

from snakemake.exceptions import WorkflowError

from ketfc.base.errors import RefusalError
from ketfc.workflow import entry, redraw_workflow

try:
    BUNDLE = redraw_workflow(config["bundle"])
except RefusalError as error:
    raise WorkflowError(str(error)) from None

FIGURES = BUNDLE.figures
MAPS = BUNDLE.maps
FIGURE_CODE = BUNDLE.code
FIGURE_PRINTED = BUNDLE.printed


include: "figures.smk"
