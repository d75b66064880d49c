"""All that the rules know of a study or a synthesis, made once per start."""

from ketfc.workflow.jobs import entry, of_runs
from ketfc.workflow.redraw import RedrawWorkflow, redraw_workflow
from ketfc.workflow.start import study_workflow
from ketfc.workflow.study import DEMO, StudyWorkflow
from ketfc.workflow.synthesis import SynthesisWorkflow, synthesis_workflow
from ketfc.workflow.terminal import answers, greeting

__all__ = [
    "DEMO",
    "RedrawWorkflow",
    "StudyWorkflow",
    "SynthesisWorkflow",
    "answers",
    "entry",
    "greeting",
    "of_runs",
    "redraw_workflow",
    "study_workflow",
    "synthesis_workflow",
]
