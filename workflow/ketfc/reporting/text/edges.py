"""Sentences and tables on the exploratory families of every edge."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketfc.base.english import listed
from ketfc.base.files import MISSING
from ketfc.inference.edges.edgewise import CIRCUITS
from ketfc.reporting.design_words import arms_of, compared
from ketfc.reporting.tables import Table, text_table
from ketfc.reporting.words import compact, is_missing, number, p_value, region_label
from ketfc.study.design.design import Design

_MOST = 25
"""Edges that the report lists; the file has all."""

_REASONS = {
    "not-measured": "in nobody at both sessions",
    "too-few": "too few participants",
    "arm-empty": "an empty arm",
    "order-empty": "an order of the drugs that nobody had",
    "constant": "the same in everybody",
    "collinear": "collinear with what is adjusted for",
}


@dataclass(frozen=True)
class Counted:
    """Counts of one family in words: edges that survive, participants and edges that entered."""

    survivors: str
    sample: str


@dataclass(frozen=True)
class EdgeSection:
    """The report's section: sentences, a table of families, and the edges that survive."""

    sentences: list[str]
    families: Table
    survivors: Table


def contrast(test: str, design: Design) -> str:
    """Return the comparison a test of edges makes, as a title."""
    if test == "association":
        return f"Association of the change with {design.instrument}"
    arms = arms_of(design)
    if len(arms) == 2:
        return f"{arms[0].label} − {arms[1].label} at {design.followup}, given {design.baseline}"
    before, after = compared(design)
    return f"Change: {after} − {before}"


def counted(family: pd.DataFrame, design: Design) -> Counted:
    """Count the edges of one family that were tested and that survive.

    Parameters
    ----------
    family : pandas.DataFrame
        Its rows of ``tests/edges.tsv``, numbers as numbers.
    """
    alpha = design.alpha
    tested = family[family["p_permutation"].notna()]
    left_out = family.loc[family["p_permutation"].isna(), "reason"].value_counts()
    why = listed([f"{_count(n)} {_REASONS.get(str(r), str(r))}" for r, n in left_out.items()])
    found = int((tested["p_fdr"] < alpha).sum())
    survive = "survives" if found == 1 else "survive"
    return Counted(
        f"{_count(found)} of {_count(len(tested))} edges {survive} (FDR {compact(alpha)})",
        f"n = {_range(tested['n'])}; left out: {why or 'none'}",
    )


def edge_section(edges: pd.DataFrame, design: Design) -> EdgeSection:
    """Return the report's section on every edge, from ``tests/edges.tsv``, numbers as numbers."""
    alpha = design.alpha
    said = [
        "Exploratory: every edge was put to the tests of the primary hypotheses, in families of "
        "its own. No p value here counts in the correction of another family, and what survives "
        "here is a candidate for a hypothesis, not the test of one."
    ]
    rows = []
    for _, family in edges.groupby("family", sort=False):
        of, test = _of(family["atlas"].iloc[0]), str(family["test"].iloc[0])
        what = counted(family, design)
        said.append(f"{contrast(test, design)}, edges of {of}: {what.survivors}; {what.sample}.")
        tested = family["p_permutation"].notna()
        rows.append(
            {
                "edges of": of,
                "test": test,
                "edges": _count(len(family)),
                "tested": _count(int(tested.sum())),
                "n": _range(family.loc[tested, "n"]),
                "survive FDR": _count(int((family["p_fdr"] < alpha).sum())),
                "survive FWER": _count(int((family["p_fwer"] < alpha).sum())),
                "smallest p (FDR)": p_value(family["p_fdr"].min()),
                "smallest p (FWER)": p_value(family["p_fwer"].min()),
            }
        )
    families = text_table(rows, {"edges of": "mid", "test": "short"})
    return EdgeSection(said, families, _survivors(edges, alpha))


def edge_methods(edges: pd.DataFrame, design: Design) -> list[str]:
    """Return the paragraph of the methods on the tests of every edge."""
    sizes = [
        f"{_count(len(family))} of {_of(atlas)}"
        for atlas, family in edges[edges["test"] == "change"].groupby("atlas", sort=False)
    ]
    if not sizes:
        return []
    tests = "the models of the primary tests"
    alone = "" if design.si else " of change"
    return [
        f"As exploratory families, every edge ({listed(sizes)}) was put to {tests}{alone}, with "
        "joint permutations of whole participants. Within each atlas and test, and mixed with no "
        "other family, permutation p values were corrected by Benjamini and Hochberg's false "
        "discovery rate [@benjamini1995] and, beside it, by the largest |t| [@westfall1993]. Edges "
        "that fewer than ten permutations reached were permuted again, with more permutations the "
        "fewer such edges there were, until their p values could be told apart at the level of the "
        "correction [@besag1991]."
    ]


def _survivors(edges: pd.DataFrame, alpha: float) -> Table:
    found = edges[(edges["p_fdr"] < alpha) | (edges["p_fwer"] < alpha)]
    place = {family: i for i, family in enumerate(dict.fromkeys(found["family"]))}
    keys = found.assign(place=found["family"].map(place), size=-found["statistic"].abs())
    # stable, so that edges of one t stay in the order of the file
    found = found.loc[keys.sort_values(["place", "size"], kind="stable").index]
    rows = [
        {
            "edges of": _of(row["atlas"]),
            "test": str(row["test"]),
            "region": _end(row["region_a"], row["network_a"]),
            "region and": _end(row["region_b"], row["network_b"]),
            "estimate": compact(row["estimate"], signed=True),
            "t": number(row["statistic"], signed=True),
            "p": p_value(row["p_permutation"]),
            "p (FDR)": p_value(row["p_fdr"]),
            "p (FWER)": p_value(row["p_fwer"]),
            "n": compact(row["n"]),
        }
        for _, group in found.groupby("family", sort=False)
        for row in group.head(_MOST).to_dict("records")
    ]
    note = (
        f"The {_MOST} largest of each family, of {_count(len(found))}; all are in tests/edges.tsv."
        if len(rows) < len(found)
        else ""
    )
    mid = dict.fromkeys(("edges of", "region", "region and"), "mid")
    return text_table(rows, {"test": "short", **mid}, note)


def _of(atlas: object) -> str:
    return "the circuits" if atlas == CIRCUITS else str(atlas)


def _end(region: object, network: object) -> str:
    name = region_label(str(region))
    return name if is_missing(network) else f"{name} ({network})"


def _count(number_of: int) -> str:
    return f"{number_of:,}"


def _range(counts: pd.Series[float]) -> str:
    if counts.empty:
        return MISSING
    low, high = int(counts.min()), int(counts.max())
    return str(high) if low == high else f"{low}–{high}"
