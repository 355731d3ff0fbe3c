"""The destinations. A new one is a folder here, a sandbox, a mapping, and a line in DESTINATIONS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.destinations.acoustic_connect import adapter as acoustic_connect_adapter
from pipeline.destinations.ivvy import adapter as ivvy_adapter
from pipeline.destinations.wix import adapter as wix_adapter

if TYPE_CHECKING:
    from pipeline.destinations.interface import Builder

DESTINATIONS: Final[dict[str, Builder]] = {
    "acoustic_connect": acoustic_connect_adapter.build,
    "ivvy": ivvy_adapter.build,
    "wix": wix_adapter.build,
}
