"""Test every hypothesis of the registry; list who could not enter which test."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.habenula import circuit_verdicts
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.design.circuit_tests import incomplete_participants
from ketfc.inference.flags import add_habenula_flags, add_motion_flags, add_null_percentile
from ketfc.inference.hypotheses import evaluate_hypotheses
from ketfc.inference.motion.gate import MOTION_NUMBERS
from ketfc.reporting.text.verdicts import with_motion, with_verdicts
from ketfc.study.design.design import read_design

with running(snakemake):
    registry = load_registry(snakemake.input.registry)
    registry = registry.with_variants(snakemake.params.variants)
    tables = (
        read_tsv(snakemake.input.connectivity, numeric=NUMERIC),
        read_tsv(snakemake.input.scores, numeric=("score",)),
        read_design(snakemake.input.design),
        list(registry.circuits.values()),
    )
    hypotheses, tested = evaluate_hypotheses(
        *tables,
        strategy=snakemake.params.strategy,
        seed=snakemake.params.seed,
        permutations=snakemake.params.permutations,
        alpha=snakemake.params.alpha,
    )
    left_out = incomplete_participants(*tables, strategy=snakemake.params.strategy)
    motion = read_tsv(snakemake.input.motion, numeric=MOTION_NUMBERS)
    hypotheses = with_verdicts(hypotheses, tested, alpha=snakemake.params.alpha)
    hypotheses = with_motion(hypotheses, motion, tables[2])
    hypotheses = add_null_percentile(
        hypotheses, read_tsv(snakemake.input.null, numeric=("percentile",))
    )
    habenula = circuit_verdicts(registry, read_tsv(snakemake.input.habenula))
    hypotheses = add_habenula_flags(hypotheses, habenula)
    hypotheses = add_motion_flags(hypotheses, motion, tables[2])
    write_tsv(snakemake.output.hypotheses, hypotheses)
    write_tsv(snakemake.output.left_out, left_out)
    write_sidecars(snakemake.output)
