"""Write the tables of connectivity that was computed elsewhere."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.given_connectivity import given_connectivity, given_runs
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.config import parse_config
from ketfc.study.connectivity.tidy import read_tidy

with running(snakemake):
    inputs, outputs = snakemake.input, snakemake.output
    given = read_tidy(parse_config(snakemake.params.config).study)
    runs, registry = read_tsv(inputs.runs), load_registry(inputs.registry)
    write_tsv(outputs.connectivity, given_connectivity(given, runs, registry))
    write_tsv(outputs.quality, given_runs(runs))
    write_sidecars(outputs)
