"""Keys in place of `study.derivatives`: a dataset of OpenNeuro, and connectivity from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    GetPydanticSchema,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from ketfc.study.config.scores import MissingCode
from ketfc.study.config.types import (
    Group,
    Number,
    OneOrMore,
    PathText,
    SessionLabel,
    Text,
    YesNo,
    expand,
    key,
    one_or_more,
    refuse,
)

Accession = Annotated[str, StringConstraints(strict=True, pattern="^ds[0-9]{6}$")]
Version = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]


class OpenNeuro(Group):
    """A dataset of OpenNeuro and its fMRIPrep derivatives, fetched as far as the study needs."""

    accession: Accession = key(
        ...,
        "Accession number of the dataset; its derivatives are those of OpenNeuroDerivatives.",
        "ds and six digits",
        examples=["ds003007"],
    )
    version: Version | None = key(
        None,
        "Version of the dataset. The store holds the newest one only: another one is refused, and "
        "so are derivatives made from another one. null: whatever is there, on record.",
        "three numbers with points between them, such as 1.0.1, or null",
    )
    folder: PathText = key(
        "sourcedata/openneuro",
        "Folder for what is fetched; each dataset has its own within it.",
        "a path",
    )
    keep_images: YesNo = key(
        True,
        "true: BOLD images stay after they were read; false deletes each as soon as the runs "
        "that need it are done, and fetches it again where one must run again.",
        "true or false",
    )

    @property
    def dataset(self) -> str:
        """The folder of the dataset, with its tables."""
        return str(Path(self.folder) / self.accession)

    @property
    def derivatives(self) -> str:
        """The folder of the derivatives, within that of the dataset as BIDS has it."""
        return f"{self.dataset}/derivatives/fmriprep"

    @property
    def listing(self) -> Path:
        """The file that holds size and checksum of every object when it was first listed."""
        return expand(f"{self.dataset}_objects.json")


def _by_accession(value: Any) -> Any:
    return {"accession": value} if isinstance(value, str) else value


def _accession_or_group_schema(core: Any, handler: Any) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": "^ds[0-9]{6}$"}, handler(core)]}


NamedOpenNeuro = Annotated[
    OpenNeuro,
    BeforeValidator(_by_accession),
    GetPydanticSchema(get_pydantic_json_schema=_accession_or_group_schema),
]


Scale = Literal["r", "fisher-z", "arctan"]
"""Scales of a correlation: itself, its Fisher z, or its arctangent."""

AS_IS = "as-is"
"""Scale of a value that is no correlation and is tested as it stands."""

TableScale = Literal["r", "fisher-z", "arctan", "as-is"]


Kind = Literal["table", "edges", "matrices", "xcp-d", "giga-connectome", "conn"]
"""Forms of connectivity from elsewhere."""

TABLES = ("table", "edges")
"""Those that are tidy tables."""


class Connectivity(Group):
    """Connectivity that was computed elsewhere, in place of images."""

    kind: Kind = key(
        "table",
        "`table`: a tidy table with a row per participant, session and, where there are several, "
        "connection. `edges`: the same with two columns of regions, for the registry's circuits. "
        "`matrices`: a folder of square matrices (TSV, CSV, .npy), with sub- and ses- in their "
        "paths. `xcp-d`, `giga-connectome`, `conn`: what these programs write.",
        "table, edges, matrices, xcp-d, giga-connectome or conn",
    )
    path: Annotated[tuple[PathText, ...], BeforeValidator(one_or_more), OneOrMore] = key(
        ...,
        "The table (TSV or CSV) or the folder, or a list of these.",
        "a path, or a list of paths",
        examples=["connectivity.tsv"],
    )
    columns: dict[Text, Text] = key(
        {},
        "Columns to rename: the name a column should have (`participant_id`, `session_id`, "
        "`connection`; of edges `region_a` and `region_b`), and the name it has in the tables. A "
        "table without `connection` has one row per participant and session.",
        "names of columns",
    )
    sessions: dict[Text, SessionLabel] = key(
        {},
        "Sessions to rename: the name in the column `session_id`, and the session it stands for, "
        "by its label or its role in `study.sessions`. `ses-pre` is `pre` without that.",
        "names, each with a session label or a role",
    )
    missing: tuple[MissingCode, ...] = key(
        [],
        "Cells that stand for a missing value, beside `n/a` and empty ones.",
        "a list of text and numbers",
    )
    values: dict[Text, TableScale] = key(
        {},
        "Needed of tables: columns to test (of edges one), each with its scale: `r` (correlation), "
        "`fisher-z`, `arctan` (of r), or `as-is` for what is no correlation, such as fALFF. The "
        "numbers must fit the scale. Correlations are tested as Fisher z.",
        "names of columns, each with r, fisher-z, arctan or as-is",
    )
    primary: tuple[Text, ...] = key(
        [],
        "The primary hypotheses: connections (`CONNECTION_COLUMN` where several columns are "
        "correlations), or columns of `values` where a table has no connections. Without any, "
        "all correlations are primary. What is tested as it is can be secondary alone.",
        "a list of connections or columns",
    )

    scale: Scale | None = key(
        None,
        "Scale of matrices; null: r for xcp-d, fisher-z for conn. It must fit the diagonal and the "
        "numbers off it.",
        "r, fisher-z, arctan or null",
    )
    labels: PathText | None = key(
        None,
        "Names of the parcels in the order of the matrices, where these do not hold them: a name "
        "per line, or a table with the column `label` or `name`.",
        "a path, or null",
    )
    atlas: Text | None = key(
        None,
        "Label of the parcellation (`seg-` or `atlas-`), where the files are of several.",
        "text, or null",
    )
    participants: dict[Text, Text] = key(
        {},
        "Participants to rename, such as CONN's `Subject001`.",
        "names, each with a participant",
    )
    regions: dict[Text, Text] = key(
        {},
        "Parcels of the registry's regions, by name; they go before the nearest ones.",
        "regions of the registry, each with a parcel",
    )
    parcels: PathText | None = key(
        None,
        "Table of the parcels' centres: `label`, and `x`, `y`, `z` in mm of `study.space`. With "
        "it, a region is the parcel whose centre is nearest to its own.",
        "a path, or null",
    )
    max_distance: Number = key(
        10,
        "Distance in mm above which the nearest parcel is not taken for a region.",
        "a number of mm above 0",
        gt=0.0,
    )

    @field_validator("path")
    @classmethod
    def _some_and_once(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        if not paths:
            raise refuse("is an empty list")
        if len(set(paths)) < len(paths):
            raise refuse("names a table twice")
        return paths

    @field_validator("values")
    @classmethod
    def _some_correlation(cls, values: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        kind = info.data.get("kind")
        if kind == "table" and all(scale == AS_IS for scale in values.values()):
            raise refuse("holds no correlation, and the primary tests are of connectivity")
        if kind == "edges" and (len(values) != 1 or AS_IS in values.values()):
            raise refuse("must be one column of correlations, of edges")
        if kind not in (*TABLES, None) and values:
            raise refuse(f"has no effect on {kind}: matrices have no columns of values")
        return values

    @field_validator("scale")
    @classmethod
    def _of_matrices(cls, scale: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("kind")
        if kind == "matrices" and scale is None:
            raise refuse("is needed of matrices: it decides how their numbers are read")
        if kind in ("table", "edges", "giga-connectome") and scale is not None:
            raise refuse(f"has no effect on {kind}")
        return scale

    @field_validator("primary")
    @classmethod
    def _a_correlation(cls, primary: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if primary and info.data.get("kind") not in ("table", None):
            raise refuse("is of tables alone; the registry says which circuits are primary")
        for name in primary:
            if info.data.get("values", {}).get(name) == AS_IS:
                raise refuse(f"'{name}' is tested as it is, which a secondary test alone can be")
        return primary

    @property
    def of_regions(self) -> bool:
        """True where it is between parcels, from which the registry's circuits are made."""
        return self.kind != "table"
