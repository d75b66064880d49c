"""The one exception that excludes a run (or a strategy of it) instead of stopping the study."""

from __future__ import annotations

import errno
import math

_OF_THE_MACHINE = {
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.ENOMEM,
    errno.ENFILE,
    errno.EMFILE,
    errno.ENODEV,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
}


class RunError(Exception):
    """A run, or one denoising strategy of it, that cannot be used.

    Parameters
    ----------
    rule : str
        Short name of the rule that was broken, as it appears in ``exclusions.tsv``.
    reason : str
        One sentence for the reader: which file or column, what is wrong, what was expected.
    value, threshold : float, int, str or None
        What was found and what decides, where the rule compares two things. Numbers that are not
        finite become text, since JSON has none.
    """

    def __init__(
        self,
        rule: str,
        reason: str,
        *,
        value: float | str | None = None,
        threshold: float | str | None = None,
    ) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason
        self.value = _finite_or_text(value)
        self.threshold = _finite_or_text(threshold)


def _finite_or_text(value: float | str | None) -> float | str | None:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def raise_if_of_the_machine(error: Exception) -> None:
    """Raise `error` again if disk, network or memory failed, which says nothing about the file.

    A run is excluded for what is wrong with it, and stays excluded until its files change; a disk
    that is away for a moment must fail its job instead, which can be started again.

    Parameters
    ----------
    error : Exception
        What opening or reading a file raised.

    Raises
    ------
    OSError
        `error` itself.
    """
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        raise error
