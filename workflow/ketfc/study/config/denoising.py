"""Section `denoising` of the config: strategies, censoring and filters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    GetPydanticSchema,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from ketfc.base.errors import did_you_mean
from ketfc.study.config.types import Group, Name, Number, Text, Whole, YesNo, key, refuse

BUILT_IN = (
    "none",
    "24P",
    "27P",
    "36P",
    "acompcor",
    "acompcor_gsr",
    "aroma",
    "aroma_gsr",
    "gsr_only",
)
"""The strategies that come with the workflow, with XCP-D's names."""

NOSCRUB = "_noscrub"
"""Ending of a strategy that censors no volume."""

_ANY = (
    "none, 24P, 27P, 36P, acompcor, acompcor_gsr, aroma, aroma_gsr, gsr_only or one of "
    "own-strategies, each also with _noscrub at its end"
)


def base_name(strategy: str) -> str:
    """Return the name of what is regressed out, such as ``36P`` for ``36P_noscrub``."""
    return strategy.removesuffix(NOSCRUB)


def scrubbed(strategy: str) -> bool:
    """Return True if a strategy leaves out the volumes that the study censors."""
    return not strategy.endswith(NOSCRUB)


def uses_compcor(strategy: str) -> bool:
    """Return True if a strategy regresses out the components of aCompCor, by masks it chooses."""
    return base_name(strategy) in ("acompcor", "acompcor_gsr")


def _known_strategy(name: str, info: ValidationInfo) -> str:
    # where the study's own are themselves wrong, which names there are is not known
    own = info.data.get("own_strategies")
    if own is None or base_name(name) in {*BUILT_IN, *own}:
        return name
    known = [one + end for one in (*BUILT_IN, *own) for end in ("", NOSCRUB)]
    hint = did_you_mean(name, known)
    raise refuse(f"is neither a built-in strategy nor one of own-strategies{hint}")


StrategyName = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_known_strategy),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [one + end for one in BUILT_IN for end in ("", NOSCRUB)]},
                {"type": "string", "pattern": f"^[A-Za-z0-9]+({NOSCRUB})?$"},
            ]
        }
    ),
]
"""The name of a built-in strategy or of one of the study's own, with or without scrubbing."""


def _closed_schema(core: Any, handler: Any) -> dict[str, Any]:
    return {**handler(core), "additionalProperties": False}


class OwnStrategy(Group):
    """A denoising strategy of the study's own."""

    columns: Annotated[tuple[Text, ...], Field(min_length=1)] = key(
        ...,
        "Confound columns to regress out, as shell-style patterns that tell capitals apart. A run "
        "in which a pattern matches no column is n/a for this strategy. With fMRIPrep's cosines "
        "among them, no Butterworth high-pass is applied.",
        "a list of names or patterns such as trans_*, rot_? or a_comp_cor_0[0-4]",
    )


class Denoising(Group):
    """Regression of confounds, censoring of volumes, and filters."""

    own_strategies: Annotated[
        dict[Name, OwnStrategy], GetPydanticSchema(get_pydantic_json_schema=_closed_schema)
    ] = key(
        {},
        "Denoising strategies of one's own, by a name that `strategies` and `primary` may then "
        "use.",
        "names of letters and digits that no built-in strategy has, each with columns",
        examples=[{"lab12": {"columns": ["trans_?", "rot_?", "csf", "white_matter", "cosine*"]}}],
    )
    primary: StrategyName = key(
        "acompcor",
        "The strategy of the main results; one of `strategies`.",
        _ANY,
    )
    strategies: tuple[StrategyName, ...] = key(
        ["acompcor", "24P", "36P"],
        "The strategies to compute; all of them come from one read of the images. The names and "
        "contents are XCP-D's; with `_noscrub` at its end (`36P_noscrub`) a strategy regresses "
        "out the same and censors no volume. aroma and aroma_gsr need the components that "
        "fMRIPrep before 24 wrote with --use-aroma.",
        f"a list of {_ANY}; each once, with the primary one",
    )
    dummy_scans: Literal["auto"] | Annotated[Whole, Field(ge=0)] = key(
        "auto",
        "Volumes at the start of every run that are left out whatever the strategy, since the "
        "signal is not yet steady: auto, those that fMRIPrep marked "
        "(`non_steady_state_outlier*`), which nilearn leaves out too; or how many (0: none).",
        "auto, or a whole number, at least 0",
        examples=[4],
    )
    fd_thresh: Number | None = key(
        0.5,
        "Framewise displacement in mm above which a volume is censored; null: no censoring by FD.",
        "a number above 0 (mm), or null",
        gt=0.0,
    )
    dvars_thresh: Number | None = key(
        None,
        "Standardised DVARS above which a volume is censored; null: no censoring by DVARS.",
        "a number above 0, or null",
        examples=[1.5],
        gt=0.0,
    )
    censor_before: Whole = key(
        0,
        "Volumes that are censored before each one that exceeds a threshold.",
        "a whole number, at least 0",
        ge=0,
    )
    censor_after: Whole = key(
        0,
        "Volumes that are censored after each one that exceeds a threshold.",
        "a whole number, at least 0",
        ge=0,
    )
    censor_between: Whole = key(
        0,
        "Longest stretch of kept volumes, between censored ones or the ends of the run, that is "
        "censored too, for being too short; every stretch that is kept is longer.",
        "a whole number of volumes, at least 0",
        ge=0,
    )
    motion_filter_type: Literal["notch", "lp"] | None = key(
        None,
        "Filter that takes breathing out of the motion parameters before framewise displacement "
        "is computed from them: notch (band-stop from `band-stop-min` to `band-stop-max`) or lp "
        "(low-pass at `band-stop-min`), as in XCP-D. Only censoring uses the filtered motion; what "
        "is regressed out stays fMRIPrep's. null: fMRIPrep's framewise displacement as it is.",
        "notch, lp or null",
        examples=["notch"],
    )
    band_stop_min: Number | None = key(
        None,
        "Lower end of the band to stop, or cut-off of the low-pass, in breaths per minute. It "
        "must lie below half the sampling rate (15 breaths per minute for a repetition time of "
        "2 s); a run for which it does not is excluded, where XCP-D would stop the aliased band.",
        "a number of breaths per minute above 0, or null",
        examples=[12],
        gt=0.0,
    )
    band_stop_max: Number | None = key(
        None,
        "Upper end of the band to stop, in breaths per minute; for notch alone.",
        "a number of breaths per minute above band-stop-min, or null",
        examples=[18],
        gt=0.0,
    )
    min_time: Number = key(
        240,
        "Seconds of data that must be left of a run after censoring; with less it is excluded. "
        "It holds for each strategy: without scrubbing the whole run counts.",
        "a number of seconds, at least 0",
        ge=0.0,
    )
    match_volumes: YesNo = key(
        False,
        "true: the sessions of a participant are cut to the same number of kept volumes before "
        "correlations are computed: to that of the session that kept fewest, shared among its "
        "runs as they kept volumes, and of each run the first. Regression and filter use all kept "
        "volumes; `min-time` is judged before the cut.",
        "true or false",
    )
    lower_bpf: Number | None = key(
        0.01,
        "Cut-off in Hz of the Butterworth high-pass of the strategies without aCompCor; those "
        "with aCompCor use fMRIPrep's cosines instead, so that nothing is filtered twice. null "
        "or 0: no filter.",
        "a number of Hz, at least 0, or null",
        ge=0.0,
    )
    upper_bpf: Number | None = key(
        None,
        "Cut-off in Hz of a low-pass for every strategy; null: none.",
        "a number of Hz above lower-bpf, or null",
        examples=[0.1],
        gt=0.0,
    )

    @field_validator("own_strategies")
    @classmethod
    def _new_names(cls, own: dict[str, OwnStrategy]) -> dict[str, OwnStrategy]:
        names = {name.casefold() for name in own}
        taken = [one for one in BUILT_IN if one.casefold() in names]
        if taken:
            raise refuse(f"names a strategy like a built-in one ({', '.join(taken)})")
        if len(names) < len(own):
            raise refuse(
                "has names that differ only in capitals and would be one file on some disks"
            )
        return own

    @field_validator("strategies")
    @classmethod
    def _once_and_with_primary(
        cls, strategies: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        if len(set(strategies)) < len(strategies):
            raise refuse("names a strategy twice")
        primary = info.data.get("primary")
        if primary is not None and primary not in strategies:
            listed = ", ".join(strategies) or "none are listed"
            raise refuse(
                f"the primary strategy {primary} is not among the strategies ({listed})",
                instead="primary",
            )
        return strategies

    @field_validator("band_stop_min")
    @classmethod
    def _with_a_filter(cls, low: float | None, info: ValidationInfo) -> float | None:
        if "motion_filter_type" not in info.data:
            return low
        kind = info.data["motion_filter_type"]
        if kind is None and low is not None:
            raise refuse(
                "has no use without a motion-filter-type (notch or lp)",
                lacks=("motion-filter-type",),
            )
        if kind is not None and low is None:
            raise refuse(
                f"needs a band-stop-min where motion-filter-type is {kind}",
                instead="motion-filter-type",
                lacks=("band-stop-min",),
            )
        return low

    @field_validator("band_stop_max")
    @classmethod
    def _above_the_minimum(cls, high: float | None, info: ValidationInfo) -> float | None:
        if "motion_filter_type" not in info.data:
            return high
        kind, low = info.data["motion_filter_type"], info.data.get("band_stop_min")
        if kind != "notch" and high is not None:
            raise refuse("has a use for motion-filter-type notch alone")
        if kind == "notch" and high is None:
            raise refuse(
                "needs a band-stop-max where motion-filter-type is notch",
                instead="motion-filter-type",
                lacks=("band-stop-max",),
            )
        if high is not None and low is not None and high <= low:
            raise refuse(f"is not above band-stop-min, which is {low:g} breaths per minute")
        return high

    @field_validator("upper_bpf")
    @classmethod
    def _above_lower(cls, upper: float | None, info: ValidationInfo) -> float | None:
        lower = info.data.get("lower_bpf")
        if upper is not None and lower is not None and upper <= lower:
            raise refuse(f"is not above lower-bpf, which is {lower:g} Hz")
        return upper
