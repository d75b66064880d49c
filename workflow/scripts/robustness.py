"""Put the primary hypotheses to other methods than their primary tests."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.table import robustness
from ketfc.inference.robustness.tipping_point import TIPPING_NUMBERS
from ketfc.study.design.design import read_design

SETTINGS = ("seed", "permutations", "alpha", "margin")

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    table = robustness(
        read_tsv(inputs.connectivity, numeric=NUMERIC),
        read_tsv(inputs.scores, numeric=("score",)),
        read_design(inputs.design),
        load_registry(inputs.registry).circuits.values(),
        strategy=params.strategy,
        combat=params.combat,
        settings=Settings(**{name: params[name] for name in SETTINGS}),
        tipping=read_tsv(inputs.tipping, numeric=TIPPING_NUMBERS),
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
