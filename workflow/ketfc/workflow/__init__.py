"""All that the rules know of a study, a synthesis or a plan, made once per start."""

from ketfc.workflow.jobs import entry, figure_labels, map_labels, of_runs
from ketfc.workflow.power import PowerWorkflow, power_alone, power_beside
from ketfc.workflow.redraw import RedrawWorkflow, redraw_workflow
from ketfc.workflow.start import study_workflow
from ketfc.workflow.storage import is_made, sent_files
from ketfc.workflow.study import DEMO, StudyWorkflow
from ketfc.workflow.synthesis import SynthesisWorkflow, synthesis_workflow
from ketfc.workflow.terminal import answers, greeting

__all__ = [
    "DEMO",
    "PowerWorkflow",
    "RedrawWorkflow",
    "StudyWorkflow",
    "SynthesisWorkflow",
    "answers",
    "entry",
    "figure_labels",
    "greeting",
    "is_made",
    "map_labels",
    "of_runs",
    "power_alone",
    "power_beside",
    "redraw_workflow",
    "sent_files",
    "study_workflow",
    "synthesis_workflow",
]
