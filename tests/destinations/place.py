"""A sandbox with an account of one destination, a home, and exports that are made for it."""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline import mapping_file as mf
from pipeline import run
from pipeline.context import Context, Request
from pipeline.settings import Settings
from tests.delivery.world import FAST, read_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.carried_out import Result
    from pipeline.sandbox.journal import Entry
    from pipeline.sandbox.server import Sandbox


@dataclass
class Place:
    """A sandbox with an account, and a home. Its class says which destination, and how a mapping for it is made."""

    destination: ClassVar[str]
    mapping: ClassVar[Callable[..., dict[str, Any]]]

    sandbox: Sandbox
    path: Path
    _names: Any = field(default_factory=itertools.count)

    def request(self, *rows: Mapping[str, str], **changes: Any) -> Request:
        """An export with these rows; the columns that the mapping reads are there, blank where not given."""
        text = json.dumps(type(self).mapping(**changes))
        (self.path / "m.yaml").write_text(text, encoding="utf-8")
        columns = mf.read(text.encode(), Path("m.yaml")).mapping.columns()
        export = self.path / f"x{next(self._names)}.csv"
        with export.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return Request(self.path / "m.yaml", export)

    def context(self) -> Context:
        """A context that reaches the sandbox."""
        known = {name.lower(): value for name, value in self.sandbox.environment.items()}
        return Context(settings=Settings.model_validate(known), home=self.path / "home", patience=FAST)

    def sync(self, *rows: Mapping[str, str], **changes: Any) -> Result:
        """`sync`."""
        return run.sync(self.request(*rows, **changes), self.context())

    def resume(self, result: Result) -> Result:
        """`resume`."""
        return run.resume(result.summary.run_id, self.context())

    def outcomes(self, result: Result) -> dict[str, dict[str, str]]:
        """outcomes.csv by identity."""
        return {each["identity"]: each for each in read_csv(Path(result.summary.run_dir) / "outcomes.csv")}

    def writes(self) -> list[Entry]:
        """Requests that changed something."""
        return [entry for entry in self.sandbox.requests(self.destination) if entry.write_applied]
