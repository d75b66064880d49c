"""Key `study.openneuro` of the config: a dataset of OpenNeuro in place of local folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, GetPydanticSchema, StringConstraints

from ketfc.study.config.types import Group, PathText, YesNo, expand, key

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
