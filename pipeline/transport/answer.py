"""A whole answer of a destination, as httpx has it, whose JSON is read once for all who judge it."""

from __future__ import annotations

from typing import Any

import httpx


class Answer(httpx.Response):
    """What it says is not to be changed by who reads it."""

    _said: tuple[Any] | None = None

    def json(self, **kwargs: Any) -> Any:
        """Raises ValueError where it is no JSON, and RecursionError where it has too many levels."""
        if self._said is None:
            self._said = (super().json(**kwargs),)
        return self._said[0]
