"""The frame around every script: its log, and the code that its results are said to come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ketfc.base.logs import logged
from ketfc.base.software import made_by
from ketfc.base.source import require_same_code


@contextmanager
def running(job: Any) -> Iterator[None]:
    """Run the block as a job of the workflow.

    What the block says goes to the job's log, as :func:`ketfc.base.logs.logged` has it, and what it
    writes is said to be made by the code that the job was planned with, which is checked.

    Parameters
    ----------
    job : snakemake.script.Snakemake
        The object that Snakemake gives a script; its parameter ``code`` comes from
        :func:`ketfc.base.source.code_digests`.
    """
    with logged(job.log[0]):
        require_same_code(job.params.code)
        with made_by(job.params.code):
            yield
