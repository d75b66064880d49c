"""Gather the clusters of all group maps."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.inference.maps.clusters import CLUSTER_NUMBERS, all_clusters

with running(snakemake):
    tables = [read_tsv(path, numeric=CLUSTER_NUMBERS) for path in snakemake.input.clusters]
    write_tsv(snakemake.output[0], all_clusters(tables))
    write_sidecars(snakemake.output)
