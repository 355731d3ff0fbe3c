"""Mappings to start from: the smallest that each destination takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import mapping_file as mf

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = {"column": "email_ok", "values": {"OPT_IN": ["Y"], "OPT_OUT": ["N"]}}
SMALLEST: dict[str, dict[str, Any]] = {
    "acoustic_connect": {"identity": {"column": "contact_id"}},
    "ivvy": {"identity": {"first_name": "first", "last_name": "last", "email": "email"}},
    "wix": {"addresses": {"EMAIL": {"column": "email"}}},
}


def smallest(destination: str, **changes: Any) -> dict[str, Any]:
    """A mapping that is right, with the given sections replaced."""
    consent = {"channels": {"EMAIL": TARGET}}
    return {"version": 1, "destination": destination, "consent": consent, **SMALLEST[destination], **changes}


@pytest.fixture
def problems() -> Callable[..., list[str]]:
    """`path: problem` for everything wrong with the smallest mapping of a destination after the given changes."""

    def problems_of(destination: str = "acoustic_connect", **changes: Any) -> list[str]:
        try:
            mf.read(json.dumps(smallest(destination, **changes)).encode(), Path("a.yaml"))
        except mf.MappingErrors as errors:
            return [f"{error.path}: {error.problem}" for error in errors.errors]
        return []

    return problems_of
