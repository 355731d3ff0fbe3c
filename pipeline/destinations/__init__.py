"""The destinations. A new one is a folder here, a sandbox, a mapping, and a line in DESTINATIONS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.destinations.acoustic_connect import adapter as acoustic_connect_adapter

if TYPE_CHECKING:
    from pipeline.destinations.interface import Builder

DESTINATIONS: Final[dict[str, Builder]] = {
    "acoustic_connect": acoustic_connect_adapter.build,
}
