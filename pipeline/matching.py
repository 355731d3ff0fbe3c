"""Finds the name that was probably meant, for messages about names that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_SCORE: Final = 60.0
"""Of 100; below it a suggestion misleads more often than it helps."""


def nearest_name(name: str, choices: Iterable[str]) -> str | None:
    """The choice that is most like `name`, ignoring case and surrounding space; None where nothing is like it."""
    from rapidfuzz import fuzz, process

    found = process.extractOne(name, list(choices), scorer=fuzz.ratio, processor=_plain, score_cutoff=LEAST_SCORE)
    return found[0] if found else None


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of a message: `; did you mean 'EMAIL'?`, or nothing."""
    found = nearest_name(name, choices)
    return f"; did you mean '{found}'?" if found else ""


def _plain(name: str) -> str:
    return name.strip().casefold()
