"""Write dataset_description.json of the derivatives."""

from ketfc.base.files import write_json
from ketfc.base.logs import logged
from ketfc.imaging.run.derivatives import dataset_description

with logged(snakemake.log[0]):
    write_json(snakemake.output[0], dataset_description())
