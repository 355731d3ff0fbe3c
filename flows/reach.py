"""What a run tells Prefect that it can do without: a Prefect that does not answer holds up nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import httpx
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    from collections.abc import Callable

UNREACHED: Final = (httpx.HTTPError, RuntimeError, OSError, PrefectException)
"""What Prefect's client raises when its API is away or cannot do what it is asked."""
PATIENCE_SECONDS: Final = 3.0


class Telling:
    """Tells Prefect one thing after the other; after the first that it does not take it is left alone."""

    def __init__(self) -> None:
        self.unheard = False

    def __call__(self, *tellings: Callable[[], object]) -> None:
        for tell in tellings:
            if self.unheard:
                return
            try:
                tell()
            except UNREACHED:
                self.unheard = True


def api_answers() -> bool:
    """Whether the API that the environment names answers now."""
    try:
        return httpx.get(f"{os.environ['PREFECT_API_URL'].rstrip('/')}/health", timeout=PATIENCE_SECONDS).is_success
    except httpx.HTTPError:
        return False
