"""Several studies as the rules of a synthesis see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ketfc.base.errors import RefusalError, StudyError
from ketfc.base.source import code_digests
from ketfc.inference.synthesis.studies import listed_exports


@dataclass(frozen=True)
class SynthesisWorkflow:
    """Several studies as the rules see them.

    Attributes
    ----------
    exports : sequence of str
        What each study exported.
    code : mapping of str to str
        By script, the digest of the code behind it.
    """

    exports: Sequence[str]
    code: Mapping[str, str]


def synthesis_workflow(studies: Any) -> SynthesisWorkflow:
    """Return what the rules of a synthesis need to know.

    Parameters
    ----------
    studies : object
        The key ``studies`` of the configuration: a file with a list, or a list.

    Raises
    ------
    RefusalError
        If the list is none, or names what is no export.
    """
    try:
        exports = [str(path) for path in listed_exports(studies)]
    except StudyError as error:
        raise RefusalError(f"The list of studies cannot be used:\n{error}") from None
    return SynthesisWorkflow(exports, code_digests())
