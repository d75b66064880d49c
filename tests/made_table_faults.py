"""Damaged tables, label images and configurations: more of the catalogue of ``made_faults``."""

from __future__ import annotations

import gzip
import pickle
from typing import Any

import numpy as np
import yaml
from made_faults import (
    EXCLUDED,
    NOTED,
    REFUSED,
    SAME,
    Damage,
    add,
    content,
    cut,
    edited,
    flip,
    header,
    line,
    put,
    text,
    voxels,
)
from made_study import Study

PEOPLE, TABLE, IMAGE, CONFIG = "participants.tsv", "blocks.tsv", "blocks.nii.gz", "config.yaml"
REGISTRY = "circuits.yaml"

# --- tables of participants and scores --------------------------------------------------------

for _name, _damage, _outcome, _says in (
    ("with a byte order mark", text(PEOPLE, str, "utf-8-sig"), SAME, ""),
    ("with lines of Windows", text(PEOPLE, lambda t: t.replace("\n", "\r\n")), SAME, ""),
    ("with lines of the old Mac", text(PEOPLE, lambda t: t.replace("\n", "\r")), SAME, ""),
    ("with commas for tabs", text(PEOPLE, lambda t: t.replace("\t", ",")), SAME, ""),
    ("with spaces around cells", text(PEOPLE, lambda t: t.replace("\t", " \t ")), SAME, ""),
    ("with blank lines", text(PEOPLE, lambda t: t.replace("\n", "\n\n")), SAME, ""),
    ("with cells in quotes", text(PEOPLE, lambda t: t.replace("ketamine", '"ketamine"')), SAME, ""),
    ("in UTF-16", text(PEOPLE, str, "utf-16"), REFUSED, PEOPLE),
    ("in UTF-16 without a mark", text(PEOPLE, str, "utf-16-le"), REFUSED, PEOPLE),
    ("in Latin-1", text(PEOPLE, lambda t: t.replace("arm", "\xe4rm"), "latin-1"), REFUSED, PEOPLE),
    ("with spaces for tabs", text(PEOPLE, lambda t: t.replace("\t", " ")), REFUSED, PEOPLE),
    ("empty", content(PEOPLE, ""), REFUSED, PEOPLE),
    ("random bytes", edited(PEOPLE, lambda old, rng: rng.bytes(400)), REFUSED, PEOPLE),
    ("of NUL", edited(PEOPLE, lambda old, rng: bytes(len(old))), REFUSED, PEOPLE),
    ("with a NUL in a score", text(PEOPLE, line(1, lambda r: r + "\0")), REFUSED, PEOPLE),
    ("with a NUL in a label", text(PEOPLE, line(1, lambda r: "\0" + r)), REFUSED, PEOPLE),
    ("gzipped", edited(PEOPLE, lambda old, rng: gzip.compress(old)), REFUSED, PEOPLE),
    ("of a spreadsheet", edited(PEOPLE, lambda old, rng: b"PK\3\4" + rng.bytes(99)), REFUSED,
     PEOPLE),
    ("with a column twice", text(PEOPLE, lambda t: t.replace("SSI_ses-post", "SSI_ses-pre")),
     REFUSED, "SSI_ses-pre"),
    ("with a participant twice", text(PEOPLE, lambda t: t.replace("sub-02", "sub-01")), REFUSED,
     "sub-01"),
    ("with a participant twice, once without sub-",
     text(PEOPLE, lambda t: t + "01\tketamine\t12\t3\n"), REFUSED, "sub-01"),
    ("with a row that is too long", text(PEOPLE, line(1, lambda r: r + "\t5")), REFUSED, PEOPLE),
    ("with a row that is too short", text(PEOPLE, line(1, lambda r: r.rsplit("\t", 1)[0])), NOTED,
     ""),
    ("with a quote that is not closed", text(PEOPLE, line(1, lambda r: '"' + r)), REFUSED, PEOPLE),
    ("with an arm nobody knows", text(PEOPLE, lambda t: t.replace("midazolam", "saline")), REFUSED,
     "saline"),
    ("with a cell beyond what a cell holds",
     text(PEOPLE, lambda t: t.replace("midazolam", "m" * 200_000)), REFUSED, ""),
    ("without a column", text(PEOPLE, lambda t: t.replace("arm", "group")), REFUSED, "arm"),
    ("a folder", None, REFUSED, PEOPLE),
    ("not there", None, REFUSED, PEOPLE),
):  # fmt: skip

    def _gone(study: Study, rng: np.random.Generator) -> None:
        (study.folder / PEOPLE).unlink()

    def _as_folder(study: Study, rng: np.random.Generator) -> None:
        _gone(study, rng)
        (study.folder / PEOPLE).mkdir()

    add("participants", _name, _damage or (_as_folder if "folder" in _name else _gone), _outcome,
        _says)  # fmt: skip
for _score in ("nan", "inf", "1e999", "1e400", "1_0", "0x10", "٣", "12,5", "12;5", "True", "-1",
               "1e1e1", "+", "=A1", "9" * 400, "\u22125"):  # fmt: skip
    add("scores", f"{_score[:9]!a} for a score",
        text(PEOPLE, line(1, lambda r, s=_score: r.rsplit("\t", 1)[0] + "\t" + s)),
        REFUSED, "sub-01")  # fmt: skip

# --- what is left out by hand -----------------------------------------------------------------


def by_hand(new: bytes | str) -> Damage:
    """Return a fault of the table of what is left out by hand."""

    def damage(study: Study, rng: np.random.Generator) -> None:
        content(CONFIG, (study.folder / CONFIG).read_text() + "quality:\n  exclusions: out.tsv\n")(
            study, rng
        )
        put(study.folder / "out.tsv", new.encode() if isinstance(new, str) else new)

    return damage


_HEAD = "participant_id\tsession\treason\n"
for _name, _text, _outcome, _says in (
    ("nothing but its header", _HEAD, SAME, ""),
    ("empty", "", REFUSED, "out.tsv"),
    ("no reason", _HEAD + "01\tpre\t\n", REFUSED, "reason"),
    ("nobody of this name", _HEAD + "1\tpre\tmoved\n", REFUSED, "sub-01"),
    ("no such session", _HEAD + "01\tprae\tmoved\n", REFUSED, "prae"),
    ("a column misspelt", "participant_id\tses\treason\n01\tpre\tmoved\n", REFUSED, "ses"),
    ("a column twice", "participant_id\tsession\tsession\treason\n01\tpre\tpost\tx\n", REFUSED, ""),
    ("in UTF-16", (_HEAD + "01\tpre\tmoved\n").encode("utf-16"), REFUSED, "out.tsv"),
    ("in Latin-1", (_HEAD + "01\tpre\tm\xfcde\n").encode("latin-1"), REFUSED, "out.tsv"),
    ("a NUL", _HEAD + "01\0\tpre\tmoved\n", REFUSED, "out.tsv"),
    ("with commas, as Windows writes", "\ufeffparticipant_id,session,reason\r\n01,pre,moved\r\n",
     EXCLUDED, "moved"),
    ("random bytes", b"\x93\x01\xff" * 80, REFUSED, "out.tsv"),
):  # fmt: skip
    add("left out by hand", _name, by_hand(_text), _outcome, _says)

# --- parcellations ----------------------------------------------------------------------------

for _name, _damage, _outcome, _says in (
    ("table lacks a label", text(TABLE, lambda t: t.rsplit("\n", 2)[0] + "\n"), REFUSED, "10"),
    ("table has a label more", text(TABLE, lambda t: t + "11\tnew\tBack\n"), NOTED, ""),
    ("label twice", text(TABLE, lambda t: t + "10\tnew\tBack\n"), REFUSED, "twice"),
    ("name twice", text(TABLE, lambda t: t.replace("Block_2", "Block_1")), REFUSED, "twice"),
    ("label that is a fraction", text(TABLE, line(1, lambda r: "1.5" + r[1:])), REFUSED, "1.5"),
    ("label that is a word", text(TABLE, line(1, lambda r: "one" + r[1:])), REFUSED, TABLE),
    ("label that is no number", text(TABLE, line(1, lambda r: "nan" + r[1:])), REFUSED, "nan"),
    ("infinite label", text(TABLE, line(1, lambda r: "inf" + r[1:])), REFUSED, "inf"),
    ("label beyond 32 bits", text(TABLE, lambda t: t + "99999999999\tnew\tBack\n"), REFUSED, TABLE),
    ("label beyond floats", text(TABLE, lambda t: t + "1e300\tnew\tBack\n"), REFUSED, TABLE),
    ("table empty", content(TABLE, ""), REFUSED, TABLE),
    ("table in UTF-16", text(TABLE, str, "utf-16"), REFUSED, TABLE),
    ("table with a NUL", text(TABLE, lambda t: t.replace("Block_1", "Bl\0ck_1")), REFUSED, TABLE),
    ("table of Windows", text(TABLE, lambda t: "\ufeff" + t.replace("\n", "\r\n")), SAME, ""),
    ("table with a cell beyond what a cell holds",
     text(TABLE, lambda t: t.replace("Block_1", "B" * 200_000)), REFUSED, TABLE),
    ("table of random bytes", edited(TABLE, lambda old, rng: rng.bytes(300)), REFUSED, TABLE),
    ("table that unfolds without end", content(TABLE,
     '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
         f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(12))
     + "]><atlas><label><index>1</index><name>&m;</name></label></atlas>"), REFUSED, TABLE),
    ("table that reads another file", content(TABLE,
     '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
     "<atlas><label><index>1</index><name>&a;</name></label></atlas>"), REFUSED, TABLE),
    ("image of fractions", voxels(lambda d: d + 0.5, IMAGE), REFUSED, IMAGE),
    ("image of negative labels", voxels(lambda d: -d, IMAGE), REFUSED, IMAGE),
    ("image of zeros", voxels(np.zeros_like, IMAGE), REFUSED, IMAGE),
    ("image of NaN", voxels(lambda d: np.full_like(d, np.nan), IMAGE), REFUSED, IMAGE),
    ("image of two volumes", voxels(lambda d: np.stack([d, d], axis=-1), IMAGE), REFUSED, IMAGE),
    ("image stored as doubles", voxels(lambda d: d, IMAGE, "float64"), SAME, ""),
    ("image with a label that the table lacks", voxels(lambda d: d + (d == 3) * 90, IMAGE), REFUSED,
     "93"),
    ("image empty", content(IMAGE, b""), REFUSED, IMAGE),
    ("image that is none", content(IMAGE, b"<html>404</html>"), REFUSED, IMAGE),
    ("image that is a page, gzipped", content(IMAGE, gzip.compress(b"<html>404")), REFUSED, IMAGE),
    ("image with a wrong checksum", edited(IMAGE, lambda o, r: o[:-8] + bytes(4) + o[-4:]), REFUSED,
     IMAGE),
    ("image that is a pickle", content(IMAGE, pickle.dumps({"a": 1})), REFUSED, IMAGE),
    *((f"image with a header that promises too much {n}",
       header(IMAGE, dim1=32767, dim2=32767, dim3=n, datatype=64, bitpix=64), REFUSED, IMAGE)
      for n in (2, 32767)),
    *((f"image's header: {n}", header(IMAGE, **f), REFUSED, IMAGE) for n, f in {
        "neither sform nor qform": {"sform_code": 0, "qform_code": 0},
        "singular sform": {"srow_x0": 0},
        "NaN in the sform": {"srow_y3": np.nan},
        "colours": {"datatype": 128, "bitpix": 24},
        "complex numbers": {"datatype": 32, "bitpix": 64},
        "no type": {"datatype": 0},
        "data at no number": {"vox_offset": np.nan},
        "no columns": {"dim1": 0},
        "no magic": {"magic": b""},
    }.items()),
    *((f"image cut {n}", edited(IMAGE, cut), REFUSED, IMAGE) for n in range(6)),
    *((f"image with a bit flipped {n}", edited(IMAGE, flip), REFUSED, IMAGE) for n in range(4)),
):  # fmt: skip
    add("parcellation", _name, _damage, _outcome, _says)

# --- regions and circuits ---------------------------------------------------------------------

for _name, _damage, _says in (
    ("empty", content(REGISTRY, ""), REGISTRY),
    ("a list", content(REGISTRY, "- a\n"), REGISTRY),
    ("cut", text(REGISTRY, lambda t: t[: len(t) // 2]), REGISTRY),
    ("a region twice", text(REGISTRY, lambda t: t + "regions: {}\n"), "twice"),
    ("a key twice", text(REGISTRY, lambda t: t.replace(
        "hemisphere: left", "hemisphere: left\n    hemisphere: right", 1)), "twice"),
    ("that makes an object", content(REGISTRY, "x: !!python/object/apply:os.getcwd []\n"),
     REGISTRY),
    ("nested without end", content(REGISTRY, "[" * 100_000), "nested"),
    ("a coordinate that is no number", text(REGISTRY, lambda t: t.replace("- 40", "- .nan", 1)),
     REGISTRY),
    ("a coordinate outside the brain", text(REGISTRY, lambda t: t.replace("- 40", "- 400", 1)),
     REGISTRY),
    ("a radius below zero", text(REGISTRY, lambda t: t.replace("radius: 14", "radius: -1", 1)),
     REGISTRY),
    ("a date that does not exist", text(REGISTRY, lambda t: t + "x: 2025-13-45\n"), REGISTRY),
    ("in Latin-1", text(REGISTRY, lambda t: t.replace("made", "m\xe4de"), "latin-1"), REGISTRY),
    ("a NUL", text(REGISTRY, lambda t: t.replace("made", "m\0de")), REGISTRY),
):  # fmt: skip
    add("registry", _name, _damage, REFUSED, _says)

# --- configurations ---------------------------------------------------------------------------


def config(*keys: str, value: Any = None, drop: bool = False) -> Damage:
    """Return a fault that sets, or takes away, a key of the configuration."""

    def edit(old: str) -> str:
        whole = yaml.safe_load(old)
        group = whole
        for key in keys[:-1]:
            group = group.setdefault(key, {})
        if drop:
            del group[keys[-1]]
        else:
            group[keys[-1]] = value
        return yaml.safe_dump(whole, sort_keys=False)

    return text(CONFIG, edit)


for _name, _damage, _says in (
    ("empty", content(CONFIG, ""), ""),
    ("a list", content(CONFIG, "- study\n"), ""),
    ("a word", content(CONFIG, "study\n"), ""),
    ("with tabs", text(CONFIG, lambda t: t.replace("  ", "\t")), "tab"),
    ("with a bracket that is not closed", text(CONFIG, lambda t: t + "x: [1, 2\n"), ""),
    ("cut", text(CONFIG, lambda t: t[:60]), ""),
    ("in UTF-16", text(CONFIG, str, "utf-16-le"), ""),
    ("in Latin-1", text(CONFIG, lambda t: t.replace("tiny", "t\xefny"), "latin-1"), ""),
    ("with a NUL", text(CONFIG, lambda t: t.replace("tiny", "t\0ny")), ""),
    ("with a section twice", text(CONFIG, lambda t: t + "denoising: {fd-thresh: 0.2}\n"),
     "denoising"),
    ("with a key twice", text(CONFIG, lambda t: t.replace(
        "  name: tiny\n", "  name: tiny\n  name: other\n")), "name"),
    ("that makes an object", text(CONFIG, lambda t: t + "x: !!python/object/apply:os.getcwd []\n"),
     ""),
    ("that names a function", text(CONFIG, lambda t: t + "x: !!python/name:os.getcwd\n"), ""),
    ("with a tag of its own", text(CONFIG, lambda t: t + "x: !ours 5\n"), ""),
    ("nested deeply", text(CONFIG, lambda t: t + "x: " + "[" * 90 + "]" * 90 + "\n"), ""),
    ("with a date that does not exist", text(CONFIG, lambda t: t + "x: 2025-13-45\n"), ""),
    ("of two documents", text(CONFIG, lambda t: t + "---\nstudy: {}\n"), ""),
    ("without a section", config("scores", drop=True), "scores"),
    ("with a section too many", config("scroes", value={"table": "x"}), "scroes"),
):  # fmt: skip
    add("configuration", _name, _damage, REFUSED, _says)
