"""What a run prints when nobody reads it any more: Prefect would end the run, in the middle of whatever it does.

A worker reads what its runs print. Where it is killed, its runs go on; only their next line finds nobody.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from io import TextIOBase
from typing import IO, TYPE_CHECKING

from prefect.logging.handlers import PrefectConsoleHandler

if TYPE_CHECKING:
    from collections.abc import Iterator


class Unread(TextIOBase):
    """A stream that does not mind whether anybody reads it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        with suppress(BrokenPipeError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(BrokenPipeError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def keep_talking() -> None:
    """From now on no run ends since nobody reads what Prefect prints about it."""
    for handler in _handlers():
        if isinstance(handler, PrefectConsoleHandler) and not isinstance(handler.console.file, Unread):
            handler.console.file = Unread(handler.console.file)  # type: ignore[assignment]


def _handlers() -> Iterator[logging.Handler]:
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield from logger.handlers
