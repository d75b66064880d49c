"""The report and the methods of made-up studies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import made_tables
import pandas as pd

from ketfc.reporting.pages.report.page import render_report
from ketfc.reporting.text.methods import methods_text


def methods_of(made: made_tables.Made, atlases: Mapping[str, Any] | None = None) -> str:
    """Return ``methods.md`` of a study."""
    return methods_text(
        config=made.config,
        design=made.design,
        hypotheses=made.hypotheses,
        regions=made.regions,
        runs=made.runs,
        exclusions=made.exclusions,
        sidecars=made.sidecars,
        versions=made.versions,
        null=made.null,
        habenula=made.habenula,
        robustness=made.robustness,
        reliability=made.reliability,
        shrinkage=made.shrinkage,
        curves=made.curves,
        attrition=made.attrition,
        stability=made.stability,
        networks=made_tables.networks_of(made),
        edges=made_tables.edges_of(made),
        effects=made_tables.effects_of(made),
        atlases=atlases or {},
    )


def report_of(
    made: made_tables.Made,
    /,
    figures: dict[str, Path] | None = None,
    activity: pd.DataFrame | None = None,
    **more: Any,
) -> str:
    """Return the report of a study; what is given beside it goes to the page as it is."""
    return render_report(
        **more,
        activity=activity,
        design=made.design,
        config=made.config,
        hypotheses=made.hypotheses,
        incomplete=made.incomplete,
        regions=made.regions,
        runs=made.runs,
        exclusions=made.exclusions,
        motion=made.motion,
        qcfc=made.qcfc,
        clinical=made_tables.clinical_of(made),
        effects=made_tables.effects_of(made),
        sidecars=made.sidecars,
        null=made.null,
        habenula=made.habenula,
        robustness=made.robustness,
        reliability=made.reliability,
        shrinkage=made.shrinkage,
        curves=made.curves,
        attrition=made.attrition,
        influence=made.influence,
        stability=made.stability,
        networks=made_tables.networks_of(made),
        edges=made_tables.edges_of(made),
        figures=figures or {},
        methods=methods_of(made),
        versions=made.versions,
    )
