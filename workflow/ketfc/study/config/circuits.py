"""Section `circuits` of the config: regions, parcellations and their coverage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, GetPydanticSchema, ValidationInfo, field_validator

from ketfc.study.config.types import (
    DEFAULT_SPACE,
    Group,
    Name,
    Number,
    OneOrMore,
    PathText,
    Space,
    YesNo,
    key,
    one_or_more,
    refuse,
)


class Parcellation(Group):
    """A parcellation: one that comes with the workflow (name only), or the study's own."""

    name: Name = key(
        ...,
        "Name of the parcellation, used in file names (BIDS `atlas-`).",
        "letters and digits",
    )
    image: PathText | None = key(
        None,
        "For a parcellation of one's own: a NIfTI image of whole-number labels, or a folder that "
        "holds it in BIDS form (`…_atlas-NAME_…dseg.nii.gz`).",
        "a path",
    )
    labels: PathText | None = key(
        None,
        "For a parcellation of one's own: a table that names its labels (BIDS `dseg.tsv`, or a "
        "look-up table); by default the `dseg.tsv` that BIDS has for the image.",
        "a path, or null",
    )
    space: Space | None = key(
        None,
        "For a parcellation of one's own: its template space, which must be that of the study, "
        "unless `allow-template-mismatch` is true; by default what the name of the image says "
        "(`space-` or `tpl-`).",
        "MNI152NLin2009cAsym or MNI152NLin6Asym",
    )

    @field_validator("space")
    @classmethod
    def _complete(cls, space: str | None, info: ValidationInfo) -> str | None:
        if "image" not in info.data:
            return space
        if info.data["image"] is None:
            if space is not None or info.data.get("labels") is not None:
                raise refuse(
                    "needs an image too, if it is a parcellation of your own", lacks=("image",)
                )
            return space
        if space is None:
            image = Path(info.data["image"]).name
            if not image.endswith((".nii", ".nii.gz")):
                return None  # a folder, in which each image says its template
            space = _space_in(image)
        if space is None:
            raise refuse(
                "needs a space, since the name of its image says none (space-… or tpl-…)",
                lacks=("space",),
            )
        # what other sections say is not in sight from here, so the caller passes it along
        context = info.context or {}
        wanted = context.get("space")
        if (
            context.get("any template") is not True
            and wanted in get_args(Space)
            and space != wanted
        ):
            raise refuse(
                f"differs from study.space, which is {wanted}; to use it all the same, on record, "
                "set circuits.allow-template-mismatch: true"
            )
        return space


def _space_in(image: str) -> Space | None:
    """Return the template that the name of an image has as BIDS writes it, if it is known."""
    said = re.search(r"(?:^|_)space-([A-Za-z0-9]+)_", image)
    said = said or re.search(r"(?:^|_)tpl-([A-Za-z0-9]+)_", image)
    return next((space for space in get_args(Space) if said and said[1] == space), None)


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _named_or_own_schema(core: Any, handler: Any) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": "^[A-Za-z0-9]+$"}, handler(core)]}


NamedOrOwn = Annotated[
    Parcellation,
    BeforeValidator(_by_name),
    GetPydanticSchema(get_pydantic_json_schema=_named_or_own_schema),
]


class Circuits(Group):
    """Regions and parcellations whose connectivity is measured."""

    registry: PathText = key(
        "atlases/circuits.yaml",
        "Table of regions, circuits and hypotheses; looked up in the working directory, then in "
        "the workflow.",
        "a path",
    )
    parcellation: Annotated[tuple[NamedOrOwn, ...], BeforeValidator(one_or_more), OneOrMore] = key(
        "KetfcVoronoi239",
        "Whole-brain parcellation of the connectivity matrices: the name of one from "
        "`atlases/parcellations.yaml`, such as Schaefer400x7, TianS2 or CIT168, or of a BIDS "
        "atlas in `atlases-dir`, or one of your own.",
        "a name, a group with name, image, labels and space, or a list of these",
        examples=[{"name": "MyAtlas", "image": "my_atlas.nii.gz", "space": DEFAULT_SPACE}],
    )
    atlases_dir: PathText | None = key(
        None,
        "Folder in which named parcellations are looked for first, with the folders in it: atlases "
        "in BIDS form, or under the file names of their distributions (`atlases/README.md`).",
        "a path, or null",
        examples=["$HOME/atlases"],
    )
    allow_template_mismatch: YesNo = key(
        False,
        "true: regions and parcellations of another template than that of the images are used as "
        "if it were the same; it is recorded wherever it was done.",
        "true or false",
    )
    min_coverage: Number = key(
        0.5,
        "Share of a region's voxels that must hold data; with less the region is n/a.",
        "a number from 0 to 1",
        ge=0.0,
        le=1.0,
    )

    @field_validator("parcellation")
    @classmethod
    def _some_and_distinct(cls, listed: tuple[Parcellation, ...]) -> tuple[Parcellation, ...]:
        if not listed:
            raise refuse("is an empty list")
        if len({one.name for one in listed}) < len(listed):
            raise refuse("names a parcellation twice")
        return listed
