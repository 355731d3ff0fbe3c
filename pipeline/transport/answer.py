"""A whole answer of a destination, as httpx has it, whose JSON is read once for all who judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence


class Answer(httpx.Response):
    """What it says is not to be changed by who reads it. `body`: as it is to be read, not packed."""

    _said: tuple[Any] | None = None

    def __init__(
        self,
        status_code: int,
        headers: Sequence[tuple[bytes, bytes]] = (),
        body: bytes = b"",
        request: httpx.Request | None = None,
    ) -> None:
        super().__init__(status_code, headers=headers, stream=httpx.ByteStream(body), request=request)
        self._body = body

    @property
    def content(self) -> bytes:
        """The body, which is here from the beginning."""
        return self._body

    def read(self) -> bytes:
        """The body."""
        return self._body

    def json(self, **kwargs: Any) -> Any:
        """Raises ValueError where it is no JSON, and RecursionError where it has too many levels."""
        if self._said is None:
            self._said = (super().json(**kwargs),)
        return self._said[0]
