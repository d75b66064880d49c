# Another workflow may use this one as a module: docs/module.md. Targets, images and last words are its own then.

from snakemake.exceptions import WorkflowError
from snakemake.path_modifier import PathModifier

MODULE = workflow.modifier.namespace is not None
# nobody has named a default target yet
FIRST = workflow.default_target is None

_paths = workflow.modifier.path_modifier
if _paths.modifies_prefixes:
    raise WorkflowError("replace_prefix cannot be used with ketfc; prefix can.")
PREFIX = _paths.prefix or ""
if PREFIX:
    # Snakemake would put it before every relative path, those of the lab's own files too
    workflow.modifier.path_modifier = PathModifier(
        {path: f"{PREFIX}{path}" for path in ("results/", "logs/")},
        None,
        workflow,
        _paths.inner_modifier,
    )
