"""Specification curves: sentences, a table and a paragraph of the methods."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketfc.inference.specifications.choices import FAMILIES
from ketfc.inference.specifications.table import WITH_IT, WITHOUT_IT
from ketfc.reporting.tables import Table, text_table
from ketfc.reporting.text.verdicts import dependence
from ketfc.reporting.words import as_number, is_missing, number, p_value, sentence


@dataclass(frozen=True)
class SpecificationSection:
    """The report's section on specification curves: what findings depend on, and the table."""

    sentences: list[str]
    table: Table


def specification_section(curves: pd.DataFrame) -> SpecificationSection:
    """Return the report's section on specification curves.

    Parameters
    ----------
    curves : pandas.DataFrame
        ``tests/specification_curve.tsv``.
    """
    said, rows = [], []
    for row in curves.to_dict("records"):
        name = sentence(str(row["name"]))
        if not is_missing(row["depends_on"]):
            said.append(f"{name}, {row['test']}: {dependence(row)}")
        rows.append(
            {
                "circuit": name,
                "test": str(row["test"]),
                "specifications": _of(row["counted"], row["specifications"]),
                "primary": number(row["effect"], signed=True),
                "median": number(row["median_effect"], signed=True),
                "range": f"{number(row['lowest'], signed=True)} to "
                f"{number(row['highest'], signed=True)}",
                "same sign": _per_cent(row["share_same_sign"]),
                "significant": _per_cent(row["share_significant"]),
                "p of the median": p_value(row["p_median"]),
                "p of the share": p_value(row["p_share"]),
            }
        )
    kinds = {"circuit": "mid", "test": "short", "specifications": "short", "range": "short"}
    return SpecificationSection(said, text_table(rows, kinds))


def specification_methods(curves: pd.DataFrame) -> list[str]:
    """Return the paragraph of the methods on specification curves; nothing where none was tested.

    From ``tests/specification_curve.tsv``.
    """
    counted = curves["counted"].map(as_number)
    if not (counted > 1).any():
        return []
    fewest, most = int(counted[counted > 0].min()), int(counted.max())
    each = f"{most}" if fewest == most else f"{fewest} to {most}"
    families = ", ".join(name.removeprefix("the ") for name in FAMILIES.values())
    return [
        "How far the primary results depend on choices of analysis was asked by specification "
        f"curves [@simonsohn2020; @steegen2016]: {each} specifications of each test, all "
        f"combinations of the choices that were declared ({families}), from one reading of the "
        "images. All specifications of a test were put to the same rearrangements of whole "
        "participants as the primary test (Freedman and Lane's method, or sign flips), within the "
        "same blocks; participants whom a specification lacks were left out of these. Two "
        "statistics of the whole curve were compared with what they are in the rearrangements: the "
        "size of the median of the specifications' statistics, each as a standard normal deviate, "
        "and the share of specifications significant by themselves (two-sided both; the null is "
        "that nothing is associated whatever the choices). Specifications with the same "
        "participants and numbers counted once. A finding is said to depend on a family of "
        f"choices where at least {100 * WITH_IT:.0f} % of the specifications with the primary "
        f"choice find it, and less than {100 * WITHOUT_IT:.0f} % of those with another. These "
        "p values are not corrected and decide nothing (`tests/specifications.tsv`, "
        "`tests/specification_curve.tsv`)."
    ]


def _of(counted: object, declared: object) -> str:
    some, every = number(counted, 0), number(declared, 0)
    return some if some == every else f"{some} of {every}"


def _per_cent(share: object) -> str:
    text = number(100 * as_number(share), 0)
    return text if text == "n/a" else f"{text} %"
