"""Repeat the primary tests without each participant and site, in resamples and in halves."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.influence.left_out import influence, primary_tests
from ketfc.inference.influence.stability import stability
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params, out = snakemake.input, snakemake.params, snakemake.output
    tests = list(
        primary_tests(
            read_tsv(inputs.connectivity, numeric=NUMERIC),
            read_tsv(inputs.scores, numeric=("score",)),
            read_design(inputs.design),
            load_registry(inputs.registry).circuits.values(),
            strategy=params.strategy,
        )
    )
    about = {key: params[key] for key in ("seed", "permutations", "alpha")}
    people, reliability = read_tsv(inputs.participants), read_tsv(inputs.reliability)
    write_tsv(out.influence, influence(tests, **about))
    write_tsv(out.stability, stability(tests, people, reliability, order=params.order, **about))
    write_sidecars(out)
