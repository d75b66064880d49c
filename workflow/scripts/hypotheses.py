"""Test every hypothesis of the registry; list who could not enter which test."""

from ketfc.files import read_json, read_tsv, write_tsv
from ketfc.imaging.registry import load_registry
from ketfc.imaging.sessions import NUMERIC
from ketfc.inference.hypotheses import incomplete_participants, test_hypotheses
from ketfc.logs import logged

with logged(snakemake.log[0]):
    tables = (
        read_tsv(snakemake.input.connectivity, numeric=NUMERIC),
        read_tsv(snakemake.input.scores, numeric=("score",)),
        read_json(snakemake.input.design),
        list(load_registry(snakemake.input.registry).circuits.values()),
    )
    hypotheses = test_hypotheses(
        *tables,
        strategy=snakemake.params.strategy,
        seed=snakemake.params.seed,
        permutations=snakemake.params.permutations,
        alpha=snakemake.params.alpha,
    )
    left_out = incomplete_participants(*tables, strategy=snakemake.params.strategy)
    write_tsv(snakemake.output.hypotheses, hypotheses)
    write_tsv(snakemake.output.left_out, left_out)
