"""Write the tables of connectivity that was computed elsewhere."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.given_tables import given_tables
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.config import parse_config

with running(snakemake):
    inputs, outputs = snakemake.input, snakemake.output
    study = parse_config(snakemake.params.config).study
    tables = given_tables(study, read_tsv(inputs.runs), load_registry(inputs.registry))
    for name, table in tables.items():
        write_tsv(outputs[name], table)
    write_sidecars(outputs)
