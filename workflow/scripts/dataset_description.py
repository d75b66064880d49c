"""Write dataset_description.json of the derivatives."""

from ketfc.files import write_json
from ketfc.imaging.derivatives import dataset_description
from ketfc.logs import logged

with logged(snakemake.log[0]):
    write_json(snakemake.output[0], dataset_description())
