"""The three networks: sentences, a table, a caption and a paragraph of the methods."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.inference.families import NETWORKS
from ketfc.reporting.design_words import arms_of, compared
from ketfc.reporting.rows import numeric
from ketfc.reporting.tables import Table, effect_of, flags_of, judged, text_table
from ketfc.reporting.words import as_text, compact, coverage, is_missing, number, sentence
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class NetworkSection:
    """The report's section on the three networks: sentences and the table."""

    sentences: list[str]
    table: Table


def network_section(networks: pd.DataFrame, design: Design) -> NetworkSection:
    """Return the report's section on the three networks, from ``tests/networks.tsv``."""
    family = networks[networks["family"] == NETWORKS]
    p = numeric(family, "p_holm")["p_holm"]
    tested, found = int(p.notna().sum()), family[p <= design.alpha]
    if not tested:
        why = sorted(set(family["reason"].dropna().astype(str)))
        reasons = f": {listed(why)}" if why else ""
        return NetworkSection([f"No network could be tested{reasons}."], text_table([], {}))
    said = [
        "In the triple-network model the salience network switches between the default-mode and "
        "the frontoparietal network. Mean connectivity within each of the three and between each "
        "two, and how far each is segregated from all other networks of the parcellation, were put "
        "to the tests of the primary hypotheses."
    ]
    names = [f"{row['name']} ({row['test']})" for row in found.to_dict("records")]
    said.append(
        f"After Holm over {plural(tested, 'test')} there is evidence in {len(names)}: "
        f"{listed(names)}."
        if names
        else f"After Holm over {plural(tested, 'test')} there is evidence in none. Absence of "
        "evidence is not evidence of absence."
    )
    rows = [
        {
            "measure": sentence(str(row["name"])),
            "test": str(row["test"]),
            "estimate": compact(row["estimate"], signed=True),
            **judged(row),
            "effect size": effect_of(row),
            "n": number(row["n"], 0),
            "left out": number(row["n_excluded"], 0),
            "flags": flags_of(row) if is_missing(row["reason"]) else as_text(row["reason"]),
        }
        for row in networks.to_dict("records")
    ]
    kinds = dict.fromkeys(("measure", "effect size", "flags"), "mid") | {"test": "short"}
    return NetworkSection(said, text_table(rows, kinds))


def network_caption(design: Design) -> str:
    """Return the caption of the figure of the three networks."""
    before, after = compared(design)
    covers = coverage(design.alpha)
    if design.between_arms:
        arms = [arm.label for arm in arms_of(design)]
        first = (
            f"A triangle for the mean change of each arm from {before} to {after}, and one for the "
            f"difference between {listed(arms)} at equal {before}, which alone is tested: its p "
            "values are after Holm over all tests of networks. "
        )
    else:
        adjusted = ", adjusted for period" if design.drugs else ""
        first = (
            f"Mean connectivity at {after} minus {before}{adjusted}; p after Holm over all tests "
            "of networks. "
        )
    return (
        f"{first}The colour of a disc is the change in mean Fisher z within a network, that of a "
        "line the change between two; lines are wider the larger it is. Below: the same estimates "
        f"and the change in segregation, with {covers} intervals that are not corrected. "
        "Segregation is the mean connectivity within a network less that with all other networks, "
        "as a share of the former; negative correlations count as zero in it, and as they are in "
        "the mean Fisher z."
    )


def network_methods(networks: pd.DataFrame, design: Design) -> list[str]:
    """Return the paragraph of the methods on the three networks, from ``tests/networks.tsv``.

    Nothing where the parcellation names none of them.
    """
    family = networks[networks["family"] == NETWORKS]
    tested = int(numeric(family, "p_permutation")["p_permutation"].notna().sum())
    if not tested:
        return []
    asked = "change and association" if design.si else "change"
    return [
        "The default-mode, salience and frontoparietal control networks [@menon2011] were taken "
        "from the labels of the first parcellation: mean Fisher z over all pairs of parcels within "
        "each and between each two, and system segregation [@chan2014], (W − B) / W, with W and B "
        "the mean Fisher z of a network's pairs within it and with the parcels of all other "
        "networks, and over all networks. Negative correlations entered the means as they were and "
        "segregation as zero. Of a participant the parcels that were covered at all sessions were "
        "used, and a network only where at least the share `min-coverage` of its parcels was. "
        f"These measures were put to the models of the primary tests ({asked}), in a family of "
        f"their own of {plural(tested, 'test')}, corrected by Holm's method at "
        f"{compact(design.alpha)}; nothing in it enters another family (`tests/networks.tsv`). The "
        "strength of a parcel, its mean positive Fisher z with all other parcels of the networks "
        "[@rubinov2010], is listed in `networks.tsv` and not tested."
    ]
