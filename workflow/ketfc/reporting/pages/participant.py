"""The page of one participant: every session beside the others, for the eye to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.files import read_json, read_tsv
from ketfc.imaging.group.excluded_runs import excluded_runs
from ketfc.imaging.group.sessions import read_relmat, session_fisher_z
from ketfc.imaging.group.similarity import edge_vector, pairwise_r
from ketfc.imaging.regions.placing import CIRCUITS
from ketfc.imaging.run.carpet import Carpet, read_carpet
from ketfc.imaging.run.extraction import coverage_by_run
from ketfc.reporting.figures import participant_quality as pictures
from ketfc.reporting.figures.maps.seed_maps import SeedMap, draw_seed_maps, read_seed_map
from ketfc.reporting.pages.rendering import environment, png_uri
from ketfc.reporting.tables import table_of
from ketfc.reporting.words import compact, number

_COLOURS = (("#333333", "o"), ("#0a8f6a", "s"), ("#8a5fbf", "D"), ("#b8860b", "^"))
"""Of runs; not those of arms, which the page does not name: quality is judged blind."""


@dataclass(frozen=True, eq=False)
class RunOnPage:
    """One run as the page shows it.

    Attributes
    ----------
    qc, carpet
        The ``…_desc-ketfc_qc.json`` and the ``…_desc-carpet_qc.npz``.
    coverage : mapping of str to pandas.DataFrame
        Coverage tables by atlas, that of the circuits first.
    relmat : pandas.DataFrame
        Correlations among the regions of the circuits, primary strategy.
    """

    run: str
    role: str
    session: str
    qc: Mapping[str, Any]
    carpet: Carpet
    coverage: Mapping[str, pd.DataFrame]
    relmat: pd.DataFrame


def read_runs(
    sessions: Mapping[str, str],
    roles: Mapping[str, str],
    atlases: Sequence[str],
    *,
    quality: Sequence[str],
    carpets: Sequence[str],
    coverage: Sequence[str],
    circuits: Sequence[str],
) -> list[RunOnPage]:
    """Read what the page shows of every run.

    Parameters
    ----------
    sessions : mapping of str to str
        Session label by run.
    roles : mapping of str to str
        Session label by role, of the whole study.
    atlases : sequence of str
        Whose coverage is shown.
    quality, carpets, coverage, circuits : sequence of str
        Files of the runs, in their order; `coverage` has one for each atlas, those of the first
        run first.
    """
    role_of = {label: role for role, label in roles.items()}
    covered = coverage_by_run(sessions, atlases, coverage)
    return [
        RunOnPage(
            run=run,
            role=role_of[session],
            session=session,
            qc=read_json(about),
            carpet=read_carpet(Path(carpet)),
            coverage=covered[run],
            relmat=read_relmat(relmat),
        )
        for (run, session), about, carpet, relmat in zip(
            sessions.items(), quality, carpets, circuits, strict=True
        )
    ]


def read_matrices(
    runs: Sequence[RunOnPage], relmats: Sequence[str], sidecars: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return Fisher z of the first parcellation by role, of the sessions that have one.

    Parameters
    ----------
    runs : sequence of RunOnPage
        All runs of the participant.
    relmats, sidecars : sequence of str
        Their matrices, and the JSON beside each.
    """
    table = pd.DataFrame(
        [{"run": run.run, "session": run.session, "role": run.role} for run in runs]
    )
    pairs = zip(relmats, sidecars, strict=True)
    files = dict(zip((run.run for run in runs), pairs, strict=True))
    found = session_fisher_z(table.assign(participant_id="the one"), files)
    return {role: z for _, role, z in found}


def read_networks(table: str) -> list[str]:
    """Return the network of every parcel of a parcellation's table, "parcels" where it has none."""
    return [name or "parcels" for name in read_tsv(table)["network"]]


def read_seed_maps(
    runs: Sequence[RunOnPage], seeds: Sequence[str], paths: Sequence[str]
) -> dict[str, dict[str, SeedMap]]:
    """Return the seed maps by run and seed.

    Parameters
    ----------
    runs : sequence of RunOnPage
        All runs of the participant.
    seeds : sequence of str
        Empty where no maps were asked for.
    paths : sequence of str
        The images, those of all seeds of the first run first.
    """
    left = iter(paths)
    return {run.run: {seed: read_seed_map(next(left)) for seed in seeds} for run in runs}


def render_participant(
    participant: str,
    runs: Sequence[RunOnPage],
    *,
    study: str,
    sessions: Mapping[str, str],
    matrices: Mapping[str, pd.DataFrame],
    networks: Sequence[str],
    settings: Mapping[str, Any],
    seed_maps: Mapping[str, Mapping[str, SeedMap]] = MappingProxyType({}),
) -> str:
    """Return the participant's page, self-contained.

    Parameters
    ----------
    participant : str
        ``sub-…``.
    runs : sequence of RunOnPage
        All runs that were processed.
    study : str
    sessions : mapping of str to str
        Label by role, of all sessions that the study has.
    matrices : mapping of str to pandas.DataFrame
        By role, Fisher z of the first parcellation; sessions without one are left out.
    networks : sequence of str
        The network of every parcel of that parcellation.
    settings : mapping
        ``fd_thresh``, ``dvars_thresh``, ``min_coverage``, ``primary`` and ``carpet_atlas``
        (the first parcellation), and where there are seed maps their ``map_strategy`` and ``fwhm``.
    seed_maps : mapping of str to mapping of str to SeedMap
        By run and seed.
    """
    runs = sorted(runs, key=lambda run: (list(sessions).index(run.role), run.run))
    labels = _labels(runs)
    min_coverage = settings["min_coverage"]
    limits = pictures.motion_limits([run.carpet for run in runs], settings["fd_thresh"])
    colours = {label: _COLOURS[i % len(_COLOURS)] for i, label in enumerate(labels)}
    circuits = {
        label: run.coverage[CIRCUITS]
        for label, run in zip(labels, runs, strict=True)
        if run.coverage[CIRCUITS]["coverage"].notna().any()
    }
    cards = []
    for label, run in zip(labels, runs, strict=True):
        cards.append(
            {
                "label": label,
                "run": run.run,
                "session": run.session,
                "reason": run.qc.get("reason"),
                "facts": _facts(run, settings["primary"]),
                "motion": _motion(run.carpet, networks, settings, limits),
                "lost": [_lost(atlas, table, min_coverage) for atlas, table in
                         run.coverage.items()],
                "matrix": png_uri(pictures.draw_circuit_matrix(run.relmat)),
            }
        )  # fmt: skip
    shown = pictures.draw_regions_quality(circuits, min_coverage, colours) if circuits else None
    return (
        environment()
        .get_template("participant.html.j2")
        .render(
            participant=participant,
            study=study,
            cards=cards,
            missing={role: label for role, label in sessions.items()
                     if role not in {run.role for run in runs}},
            regions=shown and png_uri(shown),
            similarity=_similarity(matrices, sessions),
            seed_maps=_seed_maps(runs, labels, seed_maps),
            exclusions=table_of(_exclusions(participant, runs, min_coverage)),
            settings=settings,
        )
    )  # fmt: skip


def _labels(runs: Sequence[RunOnPage]) -> list[str]:
    """Return the role of every run, numbered where a session has several."""
    roles = [run.role for run in runs]
    return [
        role if roles.count(role) == 1 else f"{role}, run {roles[: i + 1].count(role)}"
        for i, role in enumerate(roles)
    ]


def _facts(run: RunOnPage, primary: str) -> dict[str, str]:
    measured, strategy = run.qc["quality"], run.qc["strategies"][primary]
    volumes, censored = measured.get("n_volumes"), measured.get("n_censored")
    share = f" ({100 * censored / volumes:.0f} %)" if volumes and censored is not None else ""
    return {
        "Mean FD, mm": number(measured.get("mean_fd"), 3),
        "Largest FD, mm": number(measured.get("max_fd"), 2),
        "Volumes": compact(volumes),
        "Censored": compact(censored) + share,
        "Kept, s": compact(measured.get("seconds_kept")),
        f"Degrees of freedom ({primary})": compact(strategy["tdof"]),
    }


def _motion(
    carpet: Carpet,
    networks: Sequence[str],
    settings: Mapping[str, Any],
    limits: tuple[float, float],
) -> str | None:
    if not carpet.keep.size:
        return None
    figure = pictures.draw_run(
        carpet,
        networks,
        fd_thresh=settings["fd_thresh"],
        dvars_thresh=settings["dvars_thresh"],
        limits=limits,
    )
    return png_uri(figure, dpi=150)


def _lost(atlas: str, table: pd.DataFrame, min_coverage: float) -> dict[str, Any]:
    """Return the regions of an atlas that have too little signal, here or in another session."""
    least = max(min_coverage, np.finfo(float).tiny)
    own = table["coverage"].notna() & (table["coverage"] < least)
    elsewhere = table["coverage_shared"].notna() & (table["coverage_shared"] < least) & ~own
    return {
        "atlas": atlas,
        "total": len(table),
        "read": bool(table["coverage"].notna().any()),
        "names": list(table.loc[own, "region"]),
        "elsewhere": list(table.loc[elsewhere, "region"]),
    }


def _similarity(
    matrices: Mapping[str, pd.DataFrame], sessions: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the first session's likeness to each later one: r, number of edges, picture."""
    present = [(role, edge_vector(matrices[role])) for role in sessions if role in matrices]
    rows = []
    for role, vector in present[1:]:
        first_role, first = present[0]
        r = float(pairwise_r(first[None], vector[None])[0, 0])
        n_edges = int((np.isfinite(first) & np.isfinite(vector)).sum())
        picture = None
        if n_edges >= 3:
            picture = png_uri(pictures.draw_similarity(first, vector, (first_role, role)))
        rows.append(
            {
                "pair": f"{first_role} and {role}",
                "r": number(r, 2),
                "n_edges": f"{n_edges:,}",
                "n_all": f"{first.size:,}",
                "picture": picture,
            }
        )
    return rows


def _seed_maps(
    runs: Sequence[RunOnPage],
    labels: Sequence[str],
    maps: Mapping[str, Mapping[str, SeedMap]],
) -> str | None:
    """Return the picture of all seed maps; None where no maps were asked for."""
    seeds = list(dict.fromkeys(seed for of_run in maps.values() for seed in of_run))
    if not seeds:
        return None
    by_seed = {seed: [maps[run.run][seed] for run in runs] for seed in seeds}
    return png_uri(draw_seed_maps(by_seed, labels), dpi=130)


def _exclusions(participant: str, runs: Sequence[RunOnPage], min_coverage: float) -> pd.DataFrame:
    """Return the exclusions of this participant, without parcels: there are lists of those."""
    table = excluded_runs(
        pd.DataFrame(
            [
                {"participant_id": participant, "session": run.session, "run": run.run}
                for run in runs
            ]
        ),
        {run.run: run.qc for run in runs},
        {run.run: {CIRCUITS: run.coverage[CIRCUITS]} for run in runs},
        min_coverage,
    )
    columns = ["run", "strategy", "region", "rule", "value", "threshold", "consequence", "reason"]
    return table[columns]
