"""The destinations. A new one is a folder here, a sandbox, a mapping, and a name in DESTINATIONS.

interface      what a destination has to do, and what it is given
answers        what adapters read answers with
bodies         the wire JSON of items that travel together
foretelling    how many requests are to come
halting        what to say when a destination refuses everything
halving        which rows of a refused request are refused
suspicion      whether it is the rows at all
kept_audience  what a destination says of itself, kept in a run's folder
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from pipeline.destinations.interface import Builder, Destination


def _built(name: str, url: str, credentials: Mapping[str, str], options: Mapping[str, Any]) -> Destination:
    destination: Destination = import_module(f"{__name__}.{name}.adapter").build(url, credentials, options)
    return destination


DESTINATIONS: Final[dict[str, Builder]] = {name: partial(_built, name) for name in ("acoustic_connect", "ivvy", "wix")}
"""Name -> what makes one. Nothing of it is imported before: a mapping is checked without."""


def options_of(name: str) -> type[BaseModel]:
    """What a mapping may say under `options` for a destination."""
    options: type[BaseModel] = import_module(f"{__name__}.{name}.options").Options
    return options
