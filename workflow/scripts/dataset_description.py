"""Write dataset_description.json of the derivatives."""

from ketfc.base.files import write_json
from ketfc.base.job import running
from ketfc.imaging.run.derivatives import dataset_description

with running(snakemake):
    write_json(snakemake.output[0], dataset_description())
