"""Which part of a list `perPage` and `start` ask for (section 1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.sandbox.ivvy.parameters import integer
from pipeline.sandbox.ivvy.refusals import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.parameters import Params
    from pipeline.sandbox.ivvy.settings import Settings


@dataclass(frozen=True, slots=True)
class Page:
    """An offset in records, and how many at most; more than the cap has no effect (G27)."""

    start: int
    size: int

    def answer(self, total: int, results: Sequence[JsonValue]) -> dict[str, JsonValue]:
        """The collection as the vendor wraps it."""
        meta: JsonValue = {"totalResults": total, "start": self.start, "perPage": self.size, "count": len(results)}
        return {"meta": meta, "results": list(results)}


def page_of(params: Params, settings: Settings) -> Page:
    """The page asked for. Raises RefusedError."""
    size = integer(params.get("perPage", settings.per_page_default), "perPage")
    start = integer(params.get("start", 0), "start")
    if size < 1:
        raise invalid("perPage", "Value is less than 1")
    if start < 0:
        raise invalid("start", "Value is less than 0")
    return Page(start, min(size, settings.per_page_cap))
