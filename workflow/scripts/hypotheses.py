"""Test every hypothesis of the registry; shrink the primary estimates; list who was left out."""

from ketfc.base.files import read_tsv, read_tsv_if_any, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.habenula import COLUMNS, circuit_verdicts
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.design.circuit_tests import incomplete_participants
from ketfc.inference.hypotheses import evaluate_hypotheses
from ketfc.inference.motion.gate import MOTION_NUMBERS
from ketfc.inference.null.matched_null import NULL_COLUMNS
from ketfc.inference.shrinkage import shrunken_table
from ketfc.reporting.text.verdicts import described
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params, out = snakemake.input, snakemake.params, snakemake.output
    circuits = load_registry(inputs.registry).with_variants(params.variants).circuits.values()
    scores, design = read_tsv(inputs.scores, numeric=("score",)), read_design(inputs.design)
    tables = (read_tsv(inputs.connectivity, numeric=NUMERIC), scores, design, circuits)
    about = {key: params[key] for key in ("strategy", "seed", "permutations", "alpha")}
    found = evaluate_hypotheses(*tables, **about)
    more = {"motion": read_tsv(inputs.motion, numeric=MOTION_NUMBERS), "alpha": params.alpha}
    more["null"] = read_tsv_if_any(inputs.null, NULL_COLUMNS, numeric=("percentile",))
    more["habenula"] = circuit_verdicts(circuits, read_tsv_if_any(inputs.habenula, COLUMNS))
    write_tsv(out.hypotheses, described(*found, design, curves=read_tsv(inputs.curves), **more))
    write_tsv(out.shrinkage, shrunken_table(found[1], alpha=params.alpha))
    write_tsv(out.left_out, incomplete_participants(*tables, strategy=params.strategy))
    write_sidecars(out)
