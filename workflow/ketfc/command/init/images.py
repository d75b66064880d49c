"""Images of a folder of derivatives: tasks, spaces, resolutions, sessions and participants."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ketfc.base.english import listed, plural
from ketfc.base.errors import RunError
from ketfc.command.init.entries import Answer, Entry, Question
from ketfc.imaging.io.sidecars import read_sidecar
from ketfc.imaging.preflight.run_lengths import rows_up_to
from ketfc.study.config.denoising import Denoising
from ketfc.study.config.study import Study
from ketfc.study.config.types import DEFAULT_SPACE
from ketfc.study.runs.bids_files import NameParts, functional_files
from ketfc.study.runs.datasets import derivatives_below, is_preprocessed, mistaken_folder
from ketfc.study.runs.index import Run, index_runs

SPACES = (DEFAULT_SPACE, "MNI152NLin6Asym")
"""Template spaces that ketfc knows, the better one first."""

_LONG_ENOUGH = 1.25
_KEPT_SHARE = 0.625
"""A run whose length is under 1.25 times ``min-time`` may lose a fifth of its volumes at most; the
limit is then put at five eighths of it, as 150 s of 240 s."""


@dataclass(frozen=True)
class Images:
    """Preprocessed images of a study, and who and what they are of.

    Attributes
    ----------
    folder : pathlib.Path
        The folder of the derivatives, or the one that was given where it holds none.
    rows : tuple of NameParts
        The images.
    sessions : mapping of str to int
        Participants by session label; without images, by the names of the folders.
    participants : frozenset of str
        Such as ``sub-01``.
    why_none : str or None
        What the folder is in place of derivatives, in words.
    """

    folder: Path
    rows: tuple[NameParts, ...]
    sessions: dict[str, int]
    participants: frozenset[str]
    why_none: str | None = None


def look_at_images(folder: Path) -> Images:
    """Look for preprocessed images in a folder, or in the one folder below it that has some.

    Parameters
    ----------
    folder : pathlib.Path
        Must exist.
    """
    place, rows = folder, _preprocessed(folder)
    if not rows:
        below = list(derivatives_below(folder))
        if len(below) == 1:
            place, rows = below[0], _preprocessed(below[0])
    pairs = {(str(row["sub"]), str(row["ses"])) for row in rows if row["ses"]}
    why_none = None
    if not rows:
        why_none = mistaken_folder(folder) or "holds no preprocessed image (*_desc-preproc_bold)"
        pairs = {
            (each.parent.name.removeprefix("sub-"), each.name.removeprefix("ses-"))
            for each in folder.glob("sub-*/ses-*")
            if each.is_dir()
        }
    people = {f"sub-{row['sub']}" for row in rows} | {f"sub-{who}" for who, _ in pairs}
    counts = Counter(session for _, session in pairs)
    sessions = {label: counts[label] for label in sorted(counts, key=natural)}
    return Images(place, tuple(rows), sessions, frozenset(people), why_none)


def natural(label: str) -> tuple[tuple[bool, int, str], ...]:
    """Return a key that sorts ``d2`` before ``d10``."""
    parts = re.findall(r"\d+|\D+", label)
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)


def image_entries(images: Images, answer: Answer) -> list[Entry]:
    """Return the keys ``derivatives``, ``task``, ``space`` and, where needed, ``resolution``."""
    if images.why_none is not None:
        text = (
            f"{images.folder} {images.why_none}. Which folder holds the fMRIPrep derivatives? "
            "Write `none` to look at the scores alone (ketfc clinical)"
        )
        return [Entry("derivatives", Question(text))]
    n_people = plural(len(images.participants), "participant")
    entries = [
        Entry(
            "derivatives",
            str(images.folder),
            f"{plural(len(images.rows), 'preprocessed image')} of {n_people}.",
        ),
        _label_entry(images.rows, "task", ("rest",), "BOLD images are of task", answer),
    ]
    rows = [row for row in images.rows if row["task"] == entries[-1].value] or images.rows
    entries.append(_label_entry(rows, "space", SPACES, "images are in space", answer))
    rows = [row for row in rows if row["space"] == entries[-1].value] or rows
    if len({row["res"] for row in rows}) > 1:
        entries.append(_label_entry(rows, "res", (), "images have the label res-", answer))
    return entries


def _label_entry(
    rows: Iterable[NameParts], entity: str, wanted: tuple[str, ...], said: str, answer: Answer
) -> Entry:
    counts = Counter(str(row[entity]) for row in rows)
    told = f"{said} {listed([f'{label} ({n})' for label, n in sorted(counts.items())])}"
    key = {"res": "resolution"}.get(entity, entity)
    label = next((each for each in wanted if each in counts), None)
    if label is None and len(counts) == 1 and entity == "task":
        label = next(iter(counts))
    if label is not None:
        several = f"; {label} was chosen, change it if you mean another" if len(counts) > 1 else ""
        return Entry(key, label, f"{told[0].upper()}{told[1:]}{several}.")
    allowed = SPACES if entity == "space" else tuple(sorted(counts))
    text = f"{told[0].upper()}{told[1:]}. Which is to be used?"
    if entity == "space":
        text += f" ketfc knows {' and '.join(SPACES)}; fMRIPrep can make them (--output-spaces)"
        return Entry(key, Question(text))
    question = Question(text, allowed)
    return Entry(key, answer(question) or question)


def length_entries(study: Study) -> list[Entry]:
    """Return ``denoising.min-time`` where the runs of a study are too short for the default.

    Parameters
    ----------
    study : Study
        With derivatives, task, space and sessions.
    """
    default = float(Denoising().min_time)
    lengths = [length for run in index_runs(study).runs if (length := _seconds(run, default))]
    if not lengths or max(lengths) >= _LONG_ENOUGH * default:
        return []
    limit = int(_KEPT_SHARE * max(lengths) // 10 * 10)
    why = (
        f"The longest of {plural(len(lengths), 'run')} lasts {max(lengths):g} s. The usual "
        f"{default:g} s after censoring cannot be kept, or only without much motion; {limit} s was "
        "put in its place. With less, correlations are noisier: the choice is yours."
    )
    return [Entry("min-time", limit, why)]


def _seconds(run: Run, default: float) -> float | None:
    """Return how long a run lasts, up to somewhat more than the default limit."""
    try:
        t_r = read_sidecar(Path(run.sidecar)).get("RepetitionTime")
        if run.confounds is None or not isinstance(t_r, int | float) or t_r <= 0:
            return None
        return float(t_r) * rows_up_to(Path(run.confounds), int(_LONG_ENOUGH * default / t_r) + 1)
    except (OSError, RunError):
        return None


def _preprocessed(folder: Path) -> list[NameParts]:
    return [row for row in functional_files(folder) if is_preprocessed(row)]
