"""Compare who came back with who did not, at baseline."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.account.attrition import attrition
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    table = attrition(
        read_tsv(inputs.connectivity, numeric=NUMERIC),
        read_tsv(inputs.scores, numeric=("score",)),
        read_tsv(inputs.quality),
        read_design(inputs.design),
        load_registry(inputs.registry).circuits.values(),
        strategy=params.strategy,
        alpha=params.alpha,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
