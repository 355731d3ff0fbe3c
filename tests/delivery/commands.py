"""The command line in this process: arguments in, exit code and streams out."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from .world import World


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout as the one JSON document that it must be."""
        return json.loads(self.out)


@dataclass
class Commands:
    """Runs the command line as a user would, in a folder without a `.env`."""

    world: World
    patch: pytest.MonkeyPatch
    streams: pytest.CaptureFixture[str]

    def __post_init__(self) -> None:
        for name, value in self.world.sandbox.environment.items():
            self.patch.setenv(name, value)
        self.patch.setenv("CONSENT_SYNC_HOME", str(self.world.home))
        self.patch.setenv("CONSENT_SYNC_ATTEMPTS", "1")
        self.patch.chdir(self.world.path)

    def __call__(self, *arguments: str | Path) -> Ended:
        """Runs a command. A traceback would be an exception here."""
        self.streams.readouterr()
        self.patch.setattr(sys, "argv", ["consent-sync", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.streams.readouterr()
        return Ended(int(str(ended.value.code)), out, err)
