"""Draft of a config: what is in the folders and tables, put into sections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ketfc.base.english import listed, plural
from ketfc.command.init.entries import Answer, Draft, Entry, Question, nobody
from ketfc.command.init.given import connectivity_entry, has_correlations, is_connectivity
from ketfc.command.init.images import (
    Images,
    image_entries,
    length_entries,
    look_at_images,
    natural,
)
from ketfc.command.init.people import (
    arm_entries,
    block_entries,
    covariate_entries,
    crossover_columns,
    crossover_labels,
)
from ketfc.command.init.scales import Scale, find_scales, missing_entry, scale_entries
from ketfc.command.init.sessions import crossover_sessions, session_entry
from ketfc.command.init.tables import (
    LabTable,
    find_participants,
    find_score_tables,
    read_lab_table,
)
from ketfc.study.config.study import Study
from ketfc.study.scores.instruments import load_instruments

_NOT_A_NAME = re.compile("derivatives|fmriprep.*|bids|rawdata")


def draft(place: Path, scores: Sequence[Path], answer: Answer = nobody) -> Draft:
    """Look at a study and return a config to begin with.

    Parameters
    ----------
    place : pathlib.Path
        A folder of derivatives or of a lab's tables of connectivity, or such a table.
    scores : sequence of pathlib.Path
        Tables of scores, or folders of them; without any, those that BIDS has a place for.
    answer : Answer
        Who is asked where nothing can be chosen; nobody by default.

    Returns
    -------
    Draft
        With a question in the place of every value that only the lab knows.
    """
    given, unread = _given_tables(place)
    images = look_at_images(place) if not given and place.is_dir() else None
    sessions, known = _measured(images, given)
    around = [place, *place.parents[:2]] if images else []
    tables, wrong = _tables(scores, around, known, given, place)
    people = _people_table(tables, around, known)
    section: list[Entry] = [Entry("name", _name(place))]
    if given:
        section.append(connectivity_entry(given, answer))
    elif images is not None:
        section += image_entries(images, answer)
    section += _design(people, sessions, answer)
    if people is not None:
        section += _participants(people, images)
    scale_tables = tables or ([people] if people is not None else [])
    scales = find_scales(scale_tables, sessions, load_instruments()[0])
    sections = {"study": section, "scores": _scores(scale_tables, scales, answer, images)}
    if lengths := _lengths(section):
        sections["denoising"] = lengths
    for entry in section:
        if entry.key == "covariates" and people is not None:
            sections["statistics"] = block_entries(entry.value, people)
    found = _found(place, known, sessions, [*wrong, *unread])
    return Draft(found, {name: entries for name, entries in sections.items() if entries})


def _given_tables(place: Path) -> tuple[list[LabTable], list[str]]:
    """Return the tables of connectivity in a place, and the reasons against others."""
    if place.is_dir() and (
        any(place.glob("sub-*/")) or (place / "dataset_description.json").is_file()
    ):
        return [], []
    paths = [place] if place.is_file() else find_score_tables([place], ())
    read = [read_lab_table(path, ()) for path in paths]
    tables = [each for each in read if isinstance(each, LabTable) and is_connectivity(each)]
    # correlations go first: they are what the primary tests are of
    tables.sort(key=lambda table: not has_correlations(table))
    return tables, [each for each in read if isinstance(each, str)]


def _measured(
    images: Images | None, given: Sequence[LabTable]
) -> tuple[dict[str, int], frozenset[str]]:
    """Return participants by session, and everybody, of images or tables of connectivity."""
    if images is not None:
        return images.sessions, images.participants
    everybody = frozenset(who for table in given for who in table.participants)
    first = given[0].sessions if given else {}
    return {label: first[label] for label in sorted(first, key=natural)}, everybody


def _tables(
    scores: Sequence[Path],
    around: Sequence[Path],
    known: frozenset[str],
    given: Sequence[LabTable],
    place: Path,
) -> tuple[list[LabTable], list[str]]:
    """Return the tables of scores, and the reasons against those that cannot be used."""
    beside = [place] if given and place.is_dir() and not scores else scores
    taken = {table.path for table in given}
    paths = [path for path in find_score_tables(beside, around) if path not in taken]
    read = [read_lab_table(path, known) for path in paths]
    tables = [each for each in read if isinstance(each, LabTable)]
    return tables, [each for each in read if isinstance(each, str)]


def _people_table(
    tables: Sequence[LabTable], around: Sequence[Path], known: frozenset[str]
) -> LabTable | None:
    """Return the table about participants: BIDS' own, else the first of the scores."""
    path = find_participants(around)
    same = next((table for table in tables if table.path.name == "participants.tsv"), None)
    if same is not None:
        return same
    read = read_lab_table(path, known) if path is not None else None
    if isinstance(read, LabTable):
        return read
    return tables[0] if tables else None


def _design(people: LabTable | None, sessions: dict[str, int], answer: Answer) -> list[Entry]:
    """Return the sessions and what divides the participants: order of drugs, arms, groups."""
    order = crossover_columns(people) if people is not None else None
    if people is None or order is None:
        arms = arm_entries(people, answer) if people is not None else []
        return [session_entry(sessions, answer), *arms]
    ketamine, control = crossover_labels(people, order, answer)
    decided = isinstance(ketamine, str) and isinstance(control, str)
    names = (str(ketamine), str(control)) if decided else (None, None)
    of_drugs = crossover_sessions(sessions, *names)
    value: dict[str, Any] = {"order": list(order), "ketamine": ketamine, "control": control}
    if of_drugs is not None:
        roles = list(of_drugs.value)
        value["ketamine-session"] = [role for role in roles if role.startswith("post")]
        value["control-session"] = [role for role in roles if role.startswith("control")]
    else:
        of_drugs = _open_sessions(sessions, sorted(set(people.of_study[order[0]].dropna())))
    why = (
        f"{order[0]} and {order[1]} of {people.path.name} hold the same two labels in both orders: "
        "a crossover."
    )
    crossover = Entry("crossover", value, why)
    return [of_drugs, crossover, *arm_entries(people, answer)]


def _open_sessions(sessions: dict[str, int], drugs: Sequence[str]) -> Entry:
    """Return the sessions of a crossover as questions, with the answer for either drug."""
    entry = session_entry(sessions, nobody)
    labels = tuple(sessions)
    value = {
        "pre": entry.value["pre"],
        "post": Question(f"Which session follows ketamine? One of {listed(labels)}", labels),
        "control": Question("Which session follows the control drug, after as long?", labels),
    }
    why = (
        "Of several sessions after each drug, give each a role of its own and list these in "
        "crossover.ketamine-session and crossover.control-session, the primary pair first."
    )
    for ketamine, control in (drugs, reversed(drugs)):
        made = crossover_sessions(sessions, ketamine, control)
        if made is not None:
            roles = ", ".join(f"{role}: {label}" for role, label in made.value.items())
            post, other = (
                ", ".join(role for role in made.value if role.startswith(start))
                for start in ("post", "control")
            )
            why += (
                f" If {ketamine} is ketamine, write here {{{roles}}}, and in crossover "
                f"ketamine-session: [{post}] and control-session: [{other}]."
            )
    return replace(entry, value=value, why=f"{entry.why} {why}".strip())


def _participants(people: LabTable, images: Images | None) -> list[Entry]:
    """Return where the table about participants is, and the covariates in it."""
    usual = _short(people.path, images) == "participants.tsv"
    where = [] if usual else [Entry("participants", str(people.path), "Arms and covariates.")]
    return [*where, *covariate_entries(people)]


def _scores(
    tables: Sequence[LabTable], scales: Sequence[Scale], answer: Answer, images: Images | None
) -> list[Entry]:
    """Return the section of the scores."""
    if not tables:
        text = (
            "Which table (TSV or CSV) holds the scores? Name it, and run ketfc init with it again"
        )
        si = Question(
            "Which scale of suicidal ideation is in it? {instrument: NAME, column: COLUMN}"
        )
        return [Entry("table", Question(text)), Entry("si", si)]
    chosen = scale_entries(scales, answer)
    names = {
        name
        for entry in chosen
        if isinstance(entry.value, dict)
        for name in (entry.value.get("column"), entry.value.get("change-column"),
                     entry.value.get("si-item"))
    }  # fmt: skip
    used = [scale for scale in scales if scale.column in names]
    holders = list(dict.fromkeys(scale.table.path for scale in used)) or [
        table.path for table in tables
    ]
    renamed = dict(pair for scale in used for pair in scale.renamed)
    for table in tables:
        for wanted, there in (("participant_id", table.participant), ("session_id", table.session)):
            if table.path in holders and there not in (None, wanted):
                renamed[wanted] = str(there)
    paths = [_short(path, images) for path in holders]
    entries = [Entry("table", paths[0] if len(paths) == 1 else paths)]
    if renamed:
        entries.append(Entry("columns", renamed, "What ketfc calls these columns, and the table."))
    missing = missing_entry(used, answer)
    return [*entries, *([missing] if missing else []), *chosen]


def _short(path: Path, images: Images | None) -> str:
    """Return the path of a table; within the derivatives, where it is looked for, its name."""
    if images is not None and images.rows and images.folder in path.parents:
        return str(path.relative_to(images.folder))
    return str(path)


def _lengths(section: Sequence[Entry]) -> list[Entry]:
    """Return a limit on the length of runs, where what is decided so far names the runs."""
    wanted = {"name", "derivatives", "task", "space", "resolution", "sessions"}
    given = Draft((), {"study": section}).config()["study"]
    if "derivatives" not in given:
        return []
    labels = {role: label for role, label in given["sessions"].items() if " " not in label}
    if len(labels) < len(given["sessions"]):
        return []
    try:
        study = Study.model_validate({key: given[key] for key in wanted if key in given})
    except ValidationError:
        return []
    return length_entries(study)


def _name(place: Path) -> str:
    """Return a name for the study: of the folder that holds its derivatives."""
    for part in [place.resolve(), *place.resolve().parents]:
        stem = part.stem if part.is_file() else part.name
        name = re.sub("[^A-Za-z0-9_-]+", "-", stem).strip("-")
        if name and not part.is_file() and not _NOT_A_NAME.fullmatch(name.casefold()):
            return name
    return "study"


def _found(
    place: Path, known: frozenset[str], sessions: dict[str, int], wrong: Sequence[str]
) -> tuple[str, ...]:
    """Return what was looked at, in sentences."""
    said = f"Looked at {place}: {plural(len(known), 'participant')}"
    if sessions:
        said += f", sessions {listed(list(sessions))}"
    return (f"{said}.", *(f"Not used: {reason}." for reason in wrong))
