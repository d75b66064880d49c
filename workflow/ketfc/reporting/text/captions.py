"""Captions of the figures, and texts for those who cannot see them."""

from __future__ import annotations

import pandas as pd

from ketfc.base.english import listed
from ketfc.base.files import MISSING
from ketfc.inference.motion.qcfc import partialled_out
from ketfc.reporting.design_words import (
    arms_of,
    association_given,
    change_given,
    compared,
    motion_given,
)
from ketfc.reporting.rows import (
    CLOUD_FROM,
    MOTION_MARK,
    corrected_interval,
    hypothesis_row,
    primary_circuits,
)
from ketfc.reporting.text.beside.forest import forest_caption
from ketfc.reporting.text.beside.influence import influence_caption
from ketfc.reporting.text.beside.networks import network_caption
from ketfc.reporting.text.beside.tipping_point import tipping_caption
from ketfc.reporting.words import coverage, number, p_equals
from ketfc.study.design.design import Design

TITLES = {
    "flow": "The flow of participants",
    "clinical": "Scores over the sessions",
    "forest": "All hypotheses",
    "circuits": "The circuits and their change",
    "paired": "Connectivity before and after, and its change",
    "means": "Mean connectivity by session",
    "trajectory": "Connectivity over all sessions",
    "association": "Change in connectivity and clinical change",
    "matrices": "Mean connectivity matrices",
    "specifications": "Other choices of analysis",
    "tipping_point": "Those who did not come back",
    "influence": "Without each participant and site",
    "qcfc": "Head motion and connectivity",
    "networks": "Three networks, within and between",
    "edges": "Every edge, exploratory",
    "activity": "The activity of regions, exploratory",
    "prediction": "Prediction of the outcome from connectivity before treatment",
}
"""The figures of the report, in its order."""

ELSEWHERE = ("flow", "clinical", "networks", "edges", "activity", "prediction")
"""Those that do not stand in the section of figures."""


def figure_title(name: str, design: Design) -> str:
    """Return the title of one of the figures in `TITLES`, as the design has it."""
    if not design.drugs:
        return TITLES[name]
    return {
        "circuits": "The circuits and the difference between drugs",
        "paired": "Connectivity after each drug, and the difference",
        "association": "Differences between drugs in connectivity and in score",
    }.get(name, TITLES[name])


def figure_caption(name: str, design: Design) -> str:
    """Return the caption of one of the figures in `TITLES`."""
    healthy = len(design.healthy_controls())
    return _caption(name, design) + (
        f" Healthy controls (n = {healthy}) are not in it." if healthy else ""
    )


def _caption(name: str, design: Design) -> str:
    arms = arms_of(design)
    between_arms = len(arms) == 2
    before, after = compared(design)
    sessions = f"{after} minus {before}"
    if design.drugs:
        sessions += ", adjusted for period"
    if name == "circuits":
        what = (
            f"the difference between {arms[0].label} and {arms[1].label} at {design.followup}, "
            f"adjusted for {design.baseline}"
            if between_arms
            else sessions
        )
        return (
            "Each line is one connection of a circuit, seen from the left and from above; its "
            f"colour is its change in Fisher z ({what}), a description of single connections. The "
            "numbers below a brain are the test of the circuit's mean: estimate with the interval "
            f"that belongs to Holm's correction, permutation p after Holm, and n. {_mark(design)}"
        )
    if name == "paired":
        estimate = (
            f"the difference between the arms, adjusted for "
            f"{change_given(design, design.baseline)},"
            if between_arms
            else f"the difference between the drugs, adjusted for {change_given(design, 'period')},"
            if design.drugs
            else "the mean change"
        )
        return (
            "Left: thin lines are participants with both sessions, open marks participants with "
            "one; thick marks are means over those with both, with 95 % t intervals. Right: points "
            f"are everybody's {'differences' if design.drugs else 'changes'}, n of them, coloured "
            f"lines their means; from {CLOUD_FROM} on a cloud is their density (Gaussian kernel, "
            "Scott's bandwidth). The diamond, Δz above the panels, is "
            f"{estimate} as tested; thick: its {coverage(design.alpha)} interval, thin: that which "
            "belongs to Holm's correction; p is the permutation p after Holm. "
            + (
                f"Its axis has its zero at the mean change of {arms[1].label} (dashed); as it is "
                "adjusted, it need not be the distance of the two means. "
                if between_arms
                else ""
            )
            + _mark(design)
        )
    if name == "forest":
        return forest_caption(design)
    if name == "means":
        return (
            f"Means over the participants with both {before} and {after}, with 95 % t intervals; "
            "nobody is shown alone, nor the mean of too few."
        )
    if name == "clinical":
        return _clinical(design)
    if name == "trajectory":
        return (
            "Thin lines are participants, thick marks the means at each session with their 95 % t "
            "intervals, over whoever was measured then; sessions stand at equal distances. A "
            f"description: the tests compare {design.baseline} and {design.followup}, and further "
            "sessions where the methods say so."
        )
    if name == "association":
        return _association(design)
    if name == "specifications":
        return (
            "Each point is one specification, a combination of the choices marked below it, in "
            "ascending order of its effect: a partial correlation (of ranks or values), of a "
            f"change within participants t/√(t² + df). Black: p ≤ {design.alpha:g} by itself, not "
            "corrected; diamond: the primary test; dashed: the median. Above each curve the p of "
            "that median, and the share of specifications that are significant with the p of that "
            "share, both by rearrangements that all specifications share. Families of choices with "
            "one choice are not shown; “another” definition is any that the registry has beside "
            "its own."
        )
    if name == "tipping_point":
        return tipping_caption(design)
    if name == "influence":
        return influence_caption(design)
    if name == "flow":
        return (
            "Who was found, imaged and tested, and beside it what was left out and why, counted "
            "from quality/exclusions.tsv in the manner of a CONSORT diagram. Everybody is left out "
            f"at one step at most, and for one reason; runs are those of {design.baseline} and "
            f"{design.followup}."
        )
    if name == "qcfc":
        return _motion(design)
    if name == "networks":
        return network_caption(design)
    if name == "edges":
        return (
            "Exploratory. Every cell is an edge, its colour the t of the test that the primary "
            "hypotheses were put to; regions of one network stand together. Below the diagonal are "
            "all edges, above it those alone that survive the false discovery rate within their "
            "own family; circles mark them where they are few. Hatched grey could not be tested. "
            "How many were tested and survive, and n, stands above each matrix."
        )
    if name == "activity":
        return _activity(design)
    if name == "prediction":
        return _prediction(design)
    return (
        "Mean Fisher z over participants at each session, and the difference of the two means, "
        "which can rest on different participants. "
        + ("One row per arm. " if between_arms else "")
        + "Both sessions share one colour scale, differences have their own; hatched grey is n/a. "
        "A description, not a test."
    )


def _clinical(design: Design) -> str:
    text = (
        "Everybody with a score, with images or without. Above: means with "
        f"{coverage(design.alpha)} t intervals; sessions stand at equal distances, small numbers "
        "are participants, who need not be the same at all sessions. Below: Hedges g"
    )
    if design.between_arms:
        text += (
            " of the difference between arms, differences in the share of response and remission"
        )
    elif design.within_drugs:
        text += " of the difference between drugs within participants"
    else:
        return f"{text} of the changes, which hold whatever else happens with time."
    return (
        f"{text}, and changes within an arm on an axis of their own, in standard deviations of the "
        "change: these hold whatever else happens with time, and cannot be compared with the "
        "others."
    )


def _prediction(design: Design) -> str:
    return (
        "Every participant is predicted by models that did not see them; where there are classes "
        "the first panel is the receiver operating characteristic. Calibration: participants in "
        "groups of like predictions, with intervals of each group; grey: perfect. Learning: the "
        "same measure where models were fitted to fewer participants; the band is that of "
        f"connectivity. Right: accuracy with {coverage(design.alpha)} intervals by a bootstrap of "
        "participants, which lack the uncertainty of the fits; dashed: chance. p: permutation of "
        "the whole procedure, not corrected; gain: what connectivity adds to the clinical "
        "predictors. A "
        "description of this sample, for research use only."
    )


def _activity(design: Design) -> str:
    arms = arms_of(design)
    before, after = compared(design)
    what = (
        f"the difference between {arms[0].label} and {arms[1].label} at {design.followup}, "
        f"adjusted for {change_given(design, design.baseline)}"
        if len(arms) == 2
        else f"the difference between the drugs, adjusted for {change_given(design, 'period')}"
        if design.drugs
        else f"the mean change, {after} minus {before}"
    )
    return (
        "Exploratory. Each measure was divided by its mean over the brain. Points are effect "
        f"sizes of {what}, with {coverage(design.alpha)} intervals that are not corrected; filled "
        "where p survives the false discovery rate over all regions, measures and questions. "
        f"{MOTION_MARK} at the right edge marks a change that follows the change in the share of "
        "censored volumes."
    )


def _mark(design: Design) -> str:
    if design.as_given:
        return "Whether a change follows head motion, which is not known, was not assessed."
    return f"{MOTION_MARK} marks a circuit whose change follows the change in head motion."


def _motion(design: Design) -> str:
    known, of_edges = motion_given(design), partialled_out(design)
    given = f" given {known}" if known else ""
    covers = coverage(design.alpha)
    return (
        "Above: over all edges of the parcellation, "
        + (f"given {listed(of_edges)}, " if of_edges else "")
        + "Pearson's r of mean framewise displacement (FD) with Fisher z at "
        f"{design.baseline} and at "
        f"{design.followup}, and of their changes, for each denoising strategy. Dashed: what is "
        "expected, at the same n, of edges that have nothing to do with motion. By "
        "distance: medians in bins of as many edges each, with the quartiles and some of the edges "
        f"(dots) of the primary strategy, {design.strategy}, whose Spearman's ρ is shown. "
        "Degrees of freedom lost count censored volumes too. Below: points are participants; r is "
        f"that of the change in connectivity and the change in mean FD{given}, with its "
        f"{covers} interval and permutation p, not corrected; line and band are least "
        "squares, a description."
        + (" Changes in connectivity are shown less what arm explains." if design.arms else "")
    )


def _association(design: Design) -> str:
    about = design.si
    if not about:
        return "There is no score of suicidal ideation in this study."
    given = association_given(design)
    before, after = compared(design)
    what = f"difference ({after} minus {before})" if design.drugs else "change"
    score = f"{what} in {about.instrument}"
    if not design.drugs and not design.si_changes_only:
        score = f"{about.instrument} at {after}"
    supplied = " as supplied" if design.si_changes_only else ""
    adjusted = f", each less what the ranks of {listed(given)} explain" if given else ""
    rho = f"{'partial ' if given else ''}Spearman ρ"
    return (
        f"Filled points are participants as the test sees them: the ranks of the {score} against "
        f"those of the {what} in connectivity{adjusted}. The {rho} above each panel is the "
        "correlation of these points, with the interval and p of the test; the line is their least "
        f"squares. Outlined, beside them: the same participants' {what} in connectivity and in "
        f"{about.instrument}{supplied} as they were measured, neither ranked nor adjusted; no test "
        "looks at these. An association, not an effect."
    )


def figure_alt(name: str, hypotheses: pd.DataFrame, design: Design) -> str:
    """Return a text that says what a figure shows, with its main numbers."""
    before, after = compared(design)
    kinds = {
        "circuits": (
            "Glass brains with the connections of each circuit coloured by change",
            "change",
        ),
        "paired": (
            f"Paired plots of connectivity at {before} and {after}, beside everybody's change and "
            "the estimate with its intervals",
            "change",
        ),
        "association": (
            f"Scatter plots of change in {design.instrument} against change in connectivity",
            "association",
        ),
    }
    if name == "clinical":
        return (
            "Means of the scores at every session, and estimates with intervals of their changes: "
            "between treatments where there are two, and within arms apart from these."
        )
    if name == "forest":
        return (
            "Forest plot: effect sizes with intervals of change and association, a row for each "
            "circuit, primary above secondary. The numbers are in the tables of tests."
        )
    if name == "means":
        return f"Means of connectivity with intervals at {before} and {after}, by circuit and arm."
    if name == "trajectory":
        circuits = listed(list(primary_circuits(hypotheses).values()))
        return (
            f"Means of connectivity with intervals, and participants, over {len(design.sessions)} "
            f"sessions ({', '.join(design.sessions)}), a panel for each of {circuits}."
        )
    if name == "flow":
        return _flow_alt(hypotheses, design)
    if name == "activity":
        return "Effect sizes of the change in activity of every region, a panel for each measure."
    if name == "prediction":
        return (
            "For each model: predictions of participants left out against what was observed, "
            "calibration and learning curves, and accuracy of clinical predictors, of connectivity "
            "and of both. The numbers are in the table of predictions."
        )
    if name == "networks":
        return (
            "Three discs joined by lines: the change of connectivity within and between the "
            "default-mode, salience and frontoparietal networks; below, the same with intervals, "
            "and the change of their segregation. The numbers are in the table of networks."
        )
    if name == "specifications":
        return (
            "Specification curves of each primary circuit: effects of all specifications in "
            "ascending order, above marks of the choices that each was made with."
        )
    if name == "influence":
        return (
            "Estimates of each primary test without each participant, and without each site, in "
            "ascending order with their intervals."
        )
    if name == "tipping_point":
        return (
            "Estimates and intervals of each primary circuit against the shift of imputed "
            "follow-ups, with the shift at which the conclusion turns, where one does."
        )
    if name == "edges":
        return "Matrices of the t of every edge, with the edges that survive correction."
    if name == "qcfc":
        return (
            "Correlation of head motion with connectivity, by denoising strategy and by distance, "
            "and scatter plots of each primary circuit's change against the change in motion."
        )
    if name not in kinds:
        rows = " for each arm" if design.arms else ""
        return f"Mean connectivity matrices at {before}, at {after} and their difference{rows}."
    what, test = kinds[name]
    results = []
    for circuit, label in primary_circuits(hypotheses).items():
        row = hypothesis_row(hypotheses, circuit, test)
        if row is None or number(row["estimate"]) == MISSING:
            results.append(f"{label}: not tested")
        else:
            results.append(
                f"{label}: {number(row['estimate'], signed=True)} "
                f"{corrected_interval(row)}, "
                f"{p_equals(row['p_holm'], 'p after Holm')}, n = {number(row['n'], 0)}"
            )
    return f"{what}. {'; '.join(results)}."


def _flow_alt(hypotheses: pd.DataFrame, design: Design) -> str:
    tested = []
    for circuit, label in primary_circuits(hypotheses).items():
        for test in ("change", "association"):
            row = hypothesis_row(hypotheses, circuit, test)
            if row is not None:
                tested.append(f"{label}, {test}: n = {number(row['n'], 0)}")
    return (
        f"Flow diagram: {len(design.participants)} participants found; in the primary tests "
        f"{'; '.join(tested) or 'nobody'}."
    )
