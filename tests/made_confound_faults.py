"""Damaged confounds, and the JSON of images and of confounds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from made_faults import (
    BOLD,
    BOLD_JSON,
    CONFOUNDS,
    CONFOUNDS_JSON,
    EXCLUDED,
    NOTED,
    PARTLY,
    SAME,
    Damage,
    add,
    content,
    cut,
    edited,
    header,
    hit,
    in_its_place_a_folder,
    line,
    put,
    text,
)
from made_study import Study

# --- confounds --------------------------------------------------------------------------------


def table(edit: Callable[[pd.DataFrame], pd.DataFrame | None]) -> Damage:
    """Return a fault of the confounds as a table of text."""

    def damage(study: Study, rng: np.random.Generator) -> None:
        path = hit(study, CONFOUNDS)
        rows = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        changed = edit(rows)
        rows = rows if changed is None else changed
        put(path, rows.to_csv(sep="\t", index=False, lineterminator="\n").encode())

    return damage


def cell(column: str, row: int, value: str) -> Damage:
    def edit(rows: pd.DataFrame) -> None:
        rows.loc[row, column] = value

    return table(edit)


FDS = "framewise_displacement"
for _name, _damage, _outcome, _says in (
    ("without displacement", table(lambda t: t.drop(columns=FDS)), EXCLUDED, FDS),
    ("without a motion parameter", table(lambda t: t.drop(columns="rot_z")), PARTLY, "rot_z"),
    ("without aCompCor", table(lambda t: t[[c for c in t if "comp_cor" not in c]]), PARTLY,
     "comp_cor"),
    ("a row less", table(lambda t: t[:-1]), EXCLUDED, "99 rows"),
    ("a row more", table(lambda t: pd.concat([t, t[-1:]])), EXCLUDED, "101 rows"),
    ("no row", table(lambda t: t[:0]), EXCLUDED, "0 rows"),
    ("a blank line in place of a row", text(CONFOUNDS, line(40, lambda row: "")), EXCLUDED, "99"),
    ("a blank line more", text(CONFOUNDS, line(40, lambda row: row + "\n")), SAME, ""),
    ("a word", cell("trans_x", 30, "none"), EXCLUDED, "none"),
    ("a decimal comma", cell("trans_x", 30, "0,5"), EXCLUDED, "0,5"),
    ("a number with a unit", cell("trans_x", 30, "0.5 mm"), EXCLUDED, "0.5 mm"),
    ("true in a whole column", table(lambda t: t.assign(trans_x="True")), NOTED, '"rank": 35'),
    ("a gap in the middle", cell("trans_x", 30, "n/a"), PARTLY, "trans_x"),
    ("an empty cell", cell("trans_x", 30, ""), PARTLY, "trans_x"),
    ("NaN spelt otherwise", cell("trans_x", 30, "#N/A"), PARTLY, "trans_x"),
    ("a gap in the first row", cell("trans_x", 0, "n/a"), PARTLY, "trans_x"),
    ("a gap in the first row of a component", cell("w_comp_cor_00", 0, "n/a"), PARTLY,
     "w_comp_cor_00"),
    ("a gap in the second row of a derivative", cell("trans_x_derivative1", 1, "n/a"), PARTLY,
     "trans_x_derivative1"),
    ("a gap in displacement", cell(FDS, 30, "n/a"), EXCLUDED, FDS),
    ("infinite displacement", cell(FDS, 30, "inf"), EXCLUDED, FDS),
    ("negative displacement", cell(FDS, 30, "-0.2"), EXCLUDED, FDS),
    ("infinity", cell("csf", 30, "Inf"), PARTLY, "csf"),
    ("minus infinity", cell("rot_x", 30, "-inf"), PARTLY, "rot_x"),
    ("a number beyond floats", cell("trans_x", 30, "1e400"), PARTLY, "trans_x"),
    ("a number whose square is beyond floats", cell("trans_x", 30, "1e300"), PARTLY, "trans_x"),
    ("a column that is constant", table(lambda t: t.assign(trans_x="0")), NOTED, '"rank": 35'),
    ("a column twice", table(lambda t: pd.concat([t, t[["trans_x"]]], axis=1)), EXCLUDED,
     "trans_x"),
    ("a column twice, with other numbers",
     table(lambda t: pd.concat([t, t[["rot_x"]].set_axis(["trans_x"], axis=1)], axis=1)), EXCLUDED,
     "trans_x"),
    ("the columns in another order", table(lambda t: t[sorted(t)]), SAME, ""),
    ("a column more", table(lambda t: t.assign(new="1")), SAME, ""),
    ("a column of text that no strategy uses", table(lambda t: t.assign(note="good")), EXCLUDED,
     "note"),
    ("spaces for tabs", text(CONFOUNDS, lambda t: t.replace("\t", " ")), EXCLUDED, ""),
    ("commas for tabs", text(CONFOUNDS, lambda t: t.replace("\t", ",")), EXCLUDED, ""),
    ("spaces around the names", text(CONFOUNDS, line(0, lambda r: r.replace("\t", " \t "))),
     EXCLUDED, ""),
    ("no header", text(CONFOUNDS, lambda t: t.split("\n", 1)[1]), EXCLUDED, ""),
    ("a name less in the header", text(CONFOUNDS, line(0, lambda r: r.rsplit("\t", 1)[0])),
     EXCLUDED, ""),
    ("a name without text in the header", text(CONFOUNDS, line(0, lambda r: r + "\t")),
     EXCLUDED, ""),
    ("a row that is too long", text(CONFOUNDS, line(30, lambda r: r + "\t1")), EXCLUDED, ""),
    ("a row that is too short", text(CONFOUNDS, line(30, lambda r: r.rsplit("\t", 3)[0])),
     EXCLUDED, ""),
    ("a cell lost in the middle of a row", text(CONFOUNDS, line(30, lambda r: r.split("\t", 1)[1])),
     EXCLUDED, ""),
    ("a quote that is not closed", cell("trans_x", 30, '"'), EXCLUDED, ""),
    ("names of old", text(CONFOUNDS, lambda t: t.replace(FDS, "FramewiseDisplacement")), EXCLUDED,
     "1.2"),
    ("a NUL in the header", text(CONFOUNDS, line(0, lambda r: "\0" + r)), EXCLUDED, ""),
    ("a NUL in a number", cell("trans_x", 30, "0.1\x002"), EXCLUDED, "NUL"),
    ("a row of NUL", text(CONFOUNDS, line(30, lambda r: "\0" * len(r))), EXCLUDED, "NUL"),
    ("NUL from the middle on", text(CONFOUNDS, lambda t: t[:3000] + "\0" * (len(t) - 3000)),
     EXCLUDED, "NUL"),
    ("a byte order mark", text(CONFOUNDS, str, "utf-8-sig"), SAME, ""),
    ("lines of Windows", text(CONFOUNDS, lambda t: t.replace("\n", "\r\n")), SAME, ""),
    ("lines of the old Mac", text(CONFOUNDS, lambda t: t.replace("\n", "\r")), SAME, ""),
    ("in UTF-16", text(CONFOUNDS, str, "utf-16"), EXCLUDED, ""),
    ("in UTF-16 without a mark", text(CONFOUNDS, str, "utf-16-le"), EXCLUDED, ""),
    ("in UTF-32", text(CONFOUNDS, str, "utf-32"), EXCLUDED, ""),
    ("in Latin-1", text(CONFOUNDS, lambda t: t.replace("rot_x", "r\xf6t_x"), "latin-1"), EXCLUDED,
     ""),
    ("empty", content(CONFOUNDS, b""), EXCLUDED, ""),
    ("a blank line alone", content(CONFOUNDS, b"\n"), EXCLUDED, ""),
    ("random bytes", edited(CONFOUNDS, lambda old, rng: rng.bytes(5000)), EXCLUDED, ""),
    ("gzipped", edited(CONFOUNDS, lambda old, rng: gzip.compress(old)), EXCLUDED, ""),
    ("a spreadsheet", edited(CONFOUNDS, lambda old, rng: b"PK\3\4" + rng.bytes(300)), EXCLUDED, ""),
    ("a folder", in_its_place_a_folder(CONFOUNDS), EXCLUDED, ""),
):  # fmt: skip
    add("confounds", _name, _damage, _outcome, _says)
for _seed in range(8):
    add("confounds", f"truncated {_seed}", edited(CONFOUNDS, cut), EXCLUDED)

# --- JSON -------------------------------------------------------------------------------------

_DEEP = "[" * 200_000
_NESTED = '{"RepetitionTime": 2.0, "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
for _name, _text, _outcome, _says in (
    ("empty", "", EXCLUDED, ""),
    ("truncated", '{"RepetitionTime": 2.', EXCLUDED, ""),
    ("a list", "[2.0]", EXCLUDED, "object"),
    ("a number", "2.0", EXCLUDED, "object"),
    ("null", "null", EXCLUDED, "object"),
    ("nested without end", _DEEP, EXCLUDED, ""),
    ("nested deeply beside the repetition time", _NESTED, EXCLUDED, ""),
    ("two repetition times", '{"RepetitionTime": 2.0, "RepetitionTime": 2.0}', EXCLUDED, "twice"),
    ("NaN", '{"RepetitionTime": NaN}', EXCLUDED, "RepetitionTime"),
    ("infinity", '{"RepetitionTime": Infinity}', EXCLUDED, "RepetitionTime"),
    ("beyond floats", '{"RepetitionTime": 1e999}', EXCLUDED, "RepetitionTime"),
    ("a huge whole number", '{"RepetitionTime": ' + "9" * 400 + "}", EXCLUDED, "RepetitionTime"),
    ("more digits than Python reads", '{"RepetitionTime": ' + "9" * 5000 + "}", EXCLUDED, ""),
    ("zero", '{"RepetitionTime": 0}', EXCLUDED, "RepetitionTime"),
    ("negative", '{"RepetitionTime": -2}', EXCLUDED, "RepetitionTime"),
    ("text", '{"RepetitionTime": "2.0"}', EXCLUDED, "RepetitionTime"),
    ("true", '{"RepetitionTime": true}', EXCLUDED, "RepetitionTime"),
    ("a list of times", '{"RepetitionTime": [2.0]}', EXCLUDED, "RepetitionTime"),
    ("ms", '{"RepetitionTime": 2000}', EXCLUDED, "RepetitionTime"),
    ("another time", '{"RepetitionTime": 2.2}', EXCLUDED, "repetition time"),
    ("no time", "{}", SAME, ""),
    ("a null for the time", '{"RepetitionTime": null}', SAME, ""),
    ("whole seconds", '{"RepetitionTime": 2}', SAME, ""),
    ("rubbish beside it", '{"RepetitionTime": 2.0, "Sources": {"a": [1]}, "\\u0000": "\\ud800"}',
     SAME, ""),
    ("a NUL", '{"RepetitionTime": 2.0}\0', EXCLUDED, ""),
    ("a NaN elsewhere", '{"RepetitionTime": 2.0, "EchoTime": NaN}', SAME, ""),
):  # fmt: skip
    add("BOLD's JSON", _name, content(BOLD_JSON, _text), _outcome, _says)
add("BOLD's JSON", "in UTF-16", text(BOLD_JSON, str, "utf-16"), EXCLUDED)
add("BOLD's JSON", "with a byte order mark", text(BOLD_JSON, str, "utf-8-sig"), SAME)
add("BOLD's JSON", "a folder", in_its_place_a_folder(BOLD_JSON), EXCLUDED)


def _no_time_in_header_and_ms(study: Study, rng: np.random.Generator) -> None:
    header(BOLD, pixdim4=0)(study, rng)
    content(BOLD_JSON, '{"RepetitionTime": 2000}')(study, rng)


def _only_ms_in_header(study: Study, rng: np.random.Generator) -> None:
    header(BOLD, pixdim4=2000)(study, rng)
    content(BOLD_JSON, "{}")(study, rng)


add("BOLD's JSON", "ms, and no time in the header", _no_time_in_header_and_ms, EXCLUDED, "seconds")
add("BOLD's JSON", "no time, and ms in the header", _only_ms_in_header, EXCLUDED, "header")


def masks(edit: Callable[[dict[str, Any]], Any]) -> Damage:
    """Return a fault of the confounds' sidecar."""

    def edited_json(old: str) -> str:
        about = json.loads(old)
        changed = edit(about)
        return json.dumps(about if changed is None else changed)

    return text(CONFOUNDS_JSON, edited_json)


for _name, _damage, _outcome, _says in (
    ("truncated", text(CONFOUNDS_JSON, lambda t: t[:200]), EXCLUDED, ""),
    ("empty", content(CONFOUNDS_JSON, ""), EXCLUDED, ""),
    ("a list", content(CONFOUNDS_JSON, "[]"), EXCLUDED, ""),
    ("nested without end", content(CONFOUNDS_JSON, _DEEP), EXCLUDED, ""),
    ("in Latin-1", content(CONFOUNDS_JSON, '{"\xe9": 1}'.encode("latin-1")), EXCLUDED, ""),
    ("a component twice", text(CONFOUNDS_JSON, lambda t: t[:-1] + ', "w_comp_cor_00": {}}'),
     EXCLUDED, "twice"),
    ("a mask that is a number", masks(lambda a: a["w_comp_cor_00"].update(Mask=5)), PARTLY,
     "w_comp_cor_00"),
    ("a mask of an unknown name", masks(lambda a: a["w_comp_cor_00"].update(Mask="wm?")), PARTLY,
     "w_comp_cor_00"),
    ("a mask that contradicts the name", masks(lambda a: a["w_comp_cor_00"].update(Mask="CSF")),
     PARTLY, "w_comp_cor_00"),
    ("a component without a mask", masks(lambda a: a | {"w_comp_cor_00": {}}), SAME, ""),
    ("a component that is text", masks(lambda a: a | {"w_comp_cor_00": "WM"}), SAME, ""),
    ("nothing about components", content(CONFOUNDS_JSON, "{}"), SAME, ""),
):  # fmt: skip
    add("confounds' JSON", _name, _damage, _outcome, _says)
