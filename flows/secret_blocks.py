"""Credentials that the environment does not have, from Prefect's Secret blocks. They are loaded by name, here, and go
nowhere but into the settings.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from prefect.blocks.system import Secret
from pydantic import SecretStr

from flows.reach import UNREACHED
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX: Final = "consent-sync-"


def block_of(name: str) -> str:
    """`ACOUSTIC_CONNECT_API_KEY` -> `consent-sync-acoustic-connect-api-key`."""
    return PREFIX + name.lower().replace("_", "-").removeprefix(PREFIX)


def settings() -> Settings:
    """The settings of the environment, with what it lacks from the blocks that there are."""
    known = Settings.load()
    missing = [name for name in known.secrets if getattr(known, name) is None]
    return Settings.load(**_found(missing)) if missing else known


def _found(names: Iterable[str]) -> dict[str, SecretStr]:
    if not os.environ.get("PREFECT_API_URL"):
        return {}
    return {name: secret for name in names if (secret := _load(block_of(name))) is not None}


def _load(block: str) -> SecretStr | None:
    try:
        held = Secret.load(block, validate=False)
    except (ValueError, *UNREACHED):  # a block that there is not
        return None
    value = held.get()  # type: ignore[union-attr]
    return SecretStr(str(value))
