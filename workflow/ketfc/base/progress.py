"""Progress of a run of the workflow, a line per stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STAGES: Mapping[str, tuple[str, ...]] = {
    "plan": ("headers", "inventory", "plan", "preregistration"),
    "simulated images": ("demo_tables", "demo_run"),
    "fetched images": ("fetch_bold", "fetch_further_bold"),
    "atlases": ("dataset_description", "parcellation", "null_spheres", "explain"),
    "reading, denoising": ("extract_run", "map_run", "denoise_run", "specify_run"),
    "sessions": (
        "sessions",
        "given_connectivity",
        "activity",
        "similarity",
        "habenula",
        "networks",
    ),
    "tests": (
        *("matched_null", "motion", "qcfc", "hypotheses", "robustness", "edges", "mean_relmat"),
        *("clinical_course", "clinical_effects", "clinical_words", "clinical"),
        *("attrition", "reliability", "exclusions", "specifications", "tipping_point"),
        "influence",
        *("predict", "prediction"),
        *("network_tests", "activity_tests", "group_map", "clusters"),
    ),
    "report": (
        *("figure", "figures", "methods", "report", "summary"),
        *("map_figure", "map_viewer", "captions", "cobidas", "all"),
        *("participant_quality", "quality_strip", "group_quality", "quality", "share", "bundle"),
        *("export_preview", "export", "synthesis", "power_question", "power"),
    ),
}
"""Rules by stage, in the order in which most of them run."""

OTHER = "other"
"""Stage of a rule that is in none."""

_STAGE = {rule: stage for stage, rules in STAGES.items() for rule in rules}
_NAME = max(map(len, STAGES))
_QUIET = 60.0
_PARTS = 4


@dataclass
class _Stage:
    total: int
    done: int = 0
    begun: float | None = None
    told: float = 0.0
    part: int = 0


@dataclass
class Progress:
    """Counts and times of the stages.

    Attributes
    ----------
    stages : dict
        By name, in order.
    excluded : set of str
        Runs that are known to be excluded.
    last : str or None
        The stage of the job that has begun or ended last.
    """

    stages: dict[str, _Stage]
    excluded: set[str] = field(default_factory=set)
    last: str | None = None

    @classmethod
    def of(cls, jobs: Mapping[str, int]) -> Progress:
        """Return the progress of a run that has not begun, from its jobs by rule."""
        totals: dict[str, int] = {}
        for rule, count in jobs.items():
            stage = _STAGE.get(rule, OTHER)
            totals[stage] = totals.get(stage, 0) + count
        order = [*STAGES, OTHER]
        return cls({name: _Stage(totals[name]) for name in order if name in totals})

    def begin(self, rule: str, now: float) -> None:
        """Note that a job of a rule has begun, `now` in seconds of any clock."""
        name = _STAGE.get(rule, OTHER)
        stage = self.stages.get(name)
        if stage is None:
            return
        self.last = name
        if stage.begun is None:
            stage.begun = stage.told = now

    def finish(self, rule: str, now: float) -> str | None:
        """Note that a job of a rule is done.

        Returns
        -------
        str or None
            The line of the stage if it is through, or if a further quarter of it is and a minute
            has passed since its last line, so that the log of a long run is short and alive.
        """
        name = _STAGE.get(rule, OTHER)
        stage = self.stages.get(name)
        if stage is None:
            return None
        self.begin(rule, now)
        stage.done += 1
        part = _PARTS * stage.done // stage.total
        if stage.done >= stage.total or (part > stage.part and now - stage.told >= _QUIET):
            stage.part, stage.told = part, now
            return self.line(name, now)
        return None

    def line(self, name: str, now: float) -> str:
        """Return the line of a stage: counts, time passed and left, runs excluded so far."""
        stage = self.stages[name]
        passed = now - (now if stage.begun is None else stage.begun)
        said = f"{name:<{_NAME}} {stage.done:>5} of {stage.total:<5} {clock(passed):>7}"
        if 0 < stage.done < stage.total:
            left = passed * (stage.total - stage.done) / stage.done
            said += f", about {clock(left)} left"
        if self.excluded:
            said += f"   {len(self.excluded)} excluded"
        return said

    def current(self, now: float) -> str | None:
        """Return the line of the last stage, None if nothing has begun or the stage is through."""
        if self.last is None or self.stages[self.last].done >= self.stages[self.last].total:
            return None
        return self.line(self.last, now)


def clock(seconds: float) -> str:
    """Return a time as ``0:07``, ``12:30`` or ``3:05:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
