"""The words of this sample's oddities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sample_data.story import UPDATED, Expected, Oddity, entries

if TYPE_CHECKING:
    from collections.abc import Callable

    from sample_data.wix.stories import Story


def oddity(name: str, what: str, stories: int, plant: Callable[[Story, int], None], *ends: Expected) -> Oddity[Story]:
    """What becomes of each record of a story: there is one mapping, and it is of channels."""
    return Oddity(name, what, stories, plant, ends or (UPDATED,), ends or (UPDATED,))


def made(what: str, *parts: str, reason: str) -> Expected:
    """It is created or updated, but for some parts."""
    return Expected(what, "", entries(*parts, reason=reason))
