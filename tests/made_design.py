"""Designs for tests, from as much of ``design.json`` as a test cares for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ketfc.study.design.design import Design

_REST: dict[str, Any] = {
    "study": "made",
    "detected": "made",
    "baseline": "pre",
    "followup": "post",
    "pre": "pre",
    "contrasts": [["pre", "post"]],
    "sessions": {"pre": "pre", "post": "post"},
    "arms": None,
    "drugs": None,
    "participants": {},
    "sequences": None,
    "groups": None,
    "si": None,
    "depression": None,
    "estimand": {"change": "The change.", "association": "The association."},
    "may_not_say": [],
    "control_tested": False,
    "strategy": "acompcor",
    "alpha": 0.05,
    "preregistered": False,
}


def design_of(content: Mapping[str, Any]) -> Design:
    """Return the design of these fields; what is not given is that of a single arm."""
    kind = "parallel" if content.get("arms") else "single-arm"
    return Design.from_json({"kind": kind, **_REST, **content})
