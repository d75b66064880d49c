"""Primary tests of connectivity harmonised between sites, beside the same without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.circuit_tests import planned_samples
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import model_of
from ketfc.inference.harmonization.combat import Harmonized, harmonized
from ketfc.inference.robustness.checks import Check, Settings, check_of, flagged
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

_TESTS = ("change", "association")

COMBAT, WITHOUT = "combat", "without-combat"
"""Names of the primary test on harmonised values, and on the same sessions as they are."""


def harmonized_checks(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
    settings: Settings,
    covariates: Sequence[str],
) -> list[tuple[Circuit, str, Check]]:
    """Put the primary hypotheses to their own tests with and without ComBat between sites.

    Both rows are of the same sessions, with the model, exchange and random arrangements of the
    primary test, in which site stays block and covariate. Where ComBat leaves nobody out, the
    row without it is the primary test.

    Parameters
    ----------
    connectivity, scores, design, circuits, strategy
        As for :func:`ketfc.inference.robustness.table.robustness`.
    settings : Settings
        Levels and seed.
    covariates : sequence of str
        Covariates that harmonisation keeps: see
        :func:`ketfc.inference.harmonization.combat.harmonized`.

    Returns
    -------
    list of (Circuit, str, Check)
        Circuit, name of the test (``change``, ``association``) and one of the two checks.
    """
    own = [circuit for circuit in circuits if circuit.variant_of is None]
    by_circuit = harmonized(connectivity, design, own, strategy=strategy, covariates=covariates)
    found = []
    for circuit in own:
        if not circuit.primary:
            continue
        combat = by_circuit[circuit.id]
        note = _note(combat, covariates, design)
        for method, table in _tables(connectivity, circuit, combat, strategy).items():
            for plan in planned_samples(table, scores, design, [circuit], strategy=strategy):
                test = plan.test
                if test.arm is not None or test.name not in _TESTS or not _asked(test.name, design):
                    continue
                model = model_of(test, plan.sample.complete, plan.design)
                evidence = combat.obstacle or evidence_of(
                    model,
                    alpha=settings.alpha,
                    permutations=settings.permutations,
                    # the arrangements of the primary test: only the values differ
                    rng=stream(settings.seed, f"{circuit.id}/{test.name}"),
                    direction=circuit.direction if test.kind == "change" else None,
                )
                check = check_of(method, evidence, model.n, note=note[method])
                flags = combat.flags if method == COMBAT else ()
                found.append((circuit, test.name, flagged(check, *flags)))
    return found


def _asked(test: str, design: Design) -> bool:
    return test == "change" or design.si is not None


def _tables(
    connectivity: pd.DataFrame, circuit: Circuit, combat: Harmonized, strategy: str
) -> dict[str, pd.DataFrame]:
    """Return the circuit's connectivity harmonised, and as it is in the same sessions."""
    rows = connectivity[
        (connectivity["strategy"] == strategy)
        & (connectivity["circuit"] == circuit.id)
        & (connectivity["measure"] == "mean")
    ]
    if combat.obstacle is not None:
        return {COMBAT: rows}
    keys = pd.MultiIndex.from_frame(rows[["participant_id", "role"]])
    z = combat.z.reindex(keys).to_numpy()
    as_it_is = pd.to_numeric(rows["z"]).where(np.isfinite(z))
    return {COMBAT: rows.assign(z=z), WITHOUT: rows.assign(z=as_it_is)}


def _note(combat: Harmonized, covariates: Sequence[str], design: Design) -> dict[str, str]:
    of = {"arm": "arm by session", "sequence": "order of drugs by session"}
    kept = listed([of.get(design.group_column or "", "session"), *covariates])
    left = ""
    if combat.alone:
        count = plural(len(combat.alone), "site")
        left = f"; {count} with one participant left out ({', '.join(combat.alone)})"
    made = f"longcombat-py {version('longcombat-py')}"
    return {
        COMBAT: f"longitudinal ComBat ({made}) of {combat.sites} sites, fitted without scores, "
        f"{kept} kept{left}",
        WITHOUT: f"the same sessions as they are{left}",
    }
