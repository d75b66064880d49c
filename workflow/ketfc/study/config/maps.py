"""Sections `maps` and `activity` of the config: what is measured in every voxel of the brain."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints, ValidationInfo, field_validator

from ketfc.study.config.types import Group, Number, Whole, YesNo, key, refuse

QUESTIONS = ("change", "association")
"""The primary tests that the maps of seeds are put to."""

RegionName = Annotated[
    str, StringConstraints(strict=True, strip_whitespace=True, pattern="^[A-Za-z0-9]+$")
]


class Maps(Group):
    """Maps of the whole brain: with any, every changed threshold reads the images again."""

    seed_maps: YesNo = key(
        False,
        "true: the correlation of seed regions with every voxel of the brain is mapped, in the "
        "one read of each image. It takes about as long again as the read (`benchmarks/maps.py`) "
        "and a file of some MB per run and seed; a changed threshold, strategy or limit of quality "
        "then reads every image again, which is why it is off unless asked for.",
        "true or false",
    )
    seeds: tuple[RegionName, ...] | None = key(
        None,
        "Regions of the circuits' registry that are seeds. null: those of the primary circuits, "
        "which are both ends of an `edge`, the first group of `between`, and the first region of "
        "`within`.",
        "a list of names of regions that a circuit uses, each once, or null",
        examples=[["sgACC", "rHabenula"]],
    )
    strategies: tuple[str, ...] | None = key(
        None,
        "Strategies (of `denoising.strategies`) that maps are made with. null: the primary one.",
        "a list of strategies, each once, or null",
        examples=[["acompcor", "36P"]],
    )
    fwhm: Number = key(
        6,
        "Full width at half maximum, in mm, of the Gaussian by which images are smoothed for seed "
        "maps, among the voxels of the brain alone; 0: not smoothed. The seed's own series is "
        "never smoothed: it is that of the circuits.",
        "a number of mm, from 0 to 20",
        ge=0.0,
        le=20.0,
    )

    permutations: Whole = key(
        5000,
        "Permutations of whole participants behind the p of each group map.",
        "a whole number, at least 100",
        ge=100,
    )
    tail: Literal["counted", "pareto"] = key(
        "counted",
        "How small p of group maps are found. counted: the share of permutations, never below "
        "1/(permutations + 1); pareto: from a generalised Pareto distribution that is fitted to "
        "the largest values of the permuted maps (Winkler et al. 2016), and marked so.",
        "counted or pareto",
    )

    @field_validator("seeds", "strategies")
    @classmethod
    def _some_and_once(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _each_once(names)

    @field_validator("strategies")
    @classmethod
    def _denoised_by(
        cls, names: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        return _denoised(names, info)


class Activity(Group):
    """Activity: how strongly regions fluctuate, and how alike neighbouring voxels are."""

    measures: tuple[Literal["alff", "falff", "reho"], ...] = key(
        [],
        "Measures of every region of the circuits, from the series of its voxels: alff (amplitude "
        "of slow fluctuations), falff (their share of all), reho (Kendall's W of a voxel and its "
        "neighbours). Each is kept as it is and divided by its mean over the brain, which is what "
        "is tested. With any, a changed threshold, strategy or limit of quality reads every image "
        "again, as with seed maps, which is why there are none unless asked for.",
        "a list of alff, falff and reho, each once; empty: none",
        examples=[["alff", "falff", "reho"]],
    )
    strategies: tuple[str, ...] | None = key(
        None,
        "Strategies (of `denoising.strategies`) that activity is measured with beside the primary "
        "one, which alone is tested. null: none.",
        "a list of strategies, each once, or null",
        examples=[["36P"]],
    )
    lower_bpf: Number = key(
        0.01,
        "Lowest frequency in Hz of the band of alff, falff and reho.",
        "a number of Hz above 0",
        gt=0.0,
    )
    upper_bpf: Number = key(
        0.08,
        "Highest frequency in Hz of the band; a run must be sampled more than twice as often.",
        "a number of Hz above lower-bpf",
        gt=0.0,
        # it may be lower-bpf alone that is written
        validate_default=True,
    )
    maps: YesNo = key(
        False,
        "true: a map of each measure, strategy and run is written beside the table of regions, a "
        "file of some MB.",
        "true or false",
    )

    @field_validator("measures")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _each_once(names) or () if names else names

    @field_validator("strategies")
    @classmethod
    def _denoised_by(
        cls, names: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        return _denoised(_each_once(names), info)

    @field_validator("upper_bpf")
    @classmethod
    def _above_lower(cls, upper: float, info: ValidationInfo) -> float:
        lower = info.data.get("lower_bpf")
        if lower is not None and upper <= lower:
            raise refuse(f"upper-bpf {upper:g} Hz is not above lower-bpf, which is {lower:g} Hz")
        return upper


def _each_once(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Refuse an empty list, and one that names something twice."""
    if names is None:
        return None
    if not names:
        raise refuse("is an empty list")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise refuse(f"names {twice} twice")
    return names


def _denoised(names: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
    """Refuse a strategy that the images are not denoised by."""
    # what denoising.strategies says is not in sight from here, so the caller passes it along
    known = (info.context or {}).get("strategies")
    for name in names or ():
        if known is not None and name not in known:
            raise refuse(f"{name} is not one of denoising.strategies ({', '.join(known)})")
    return names
