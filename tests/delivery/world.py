"""A home, a mapping, exports and a sandbox with an audience: what the tests of delivery run in."""

from __future__ import annotations

import csv
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipeline import run
from pipeline.context import Context, Perform, Request, T
from pipeline.settings import Settings
from pipeline.transport.sending import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pipeline.carried_out import Result
    from pipeline.sandbox.journal import Entry
    from pipeline.sandbox.server import Sandbox

KEY: Final = "sandbox-key"
DATA_SET_ID: Final = "4fe4136f-c007-44a3-b38f-922200000000"
DATA_SET: Final[dict[str, Any]] = {
    "dataSetId": DATA_SET_ID,
    "name": "Lakeside",
    "attributes": [
        {"name": "Contact key", "type": "TEXT", "identifyAs": {"key": True, "channels": None}},
        {"name": "Email", "type": "TEXT", "identifyAs": {"key": None, "channels": ["EMAIL"]}},
        {"name": "Cell Phone", "type": "TEXT", "identifyAs": {"key": None, "channels": ["SMS"]}},
        {"name": "First Name", "type": "TEXT"},
        {"name": "Birthday", "type": "DATE"},
        {"name": "Points", "type": "NUMBER"},
        {"name": "Active", "type": "BOOLEAN"},
    ],
    "consentGroups": [
        {"id": "g-news", "name": "Newsletters", "channels": ["EMAIL", "SMS"]},
        {"id": "g-promo", "name": "Promotions", "channels": ["EMAIL", "SMS"]},
    ],
}
FAST: Final = Patience(attempts=4, first_wait_seconds=0.005, longest_wait_seconds=0.02, limit_seconds=60)
HEADER: Final = ("contact_id", "email", "mobile", "first_name", "points", "email_opt_in", "sms_opt_in", "at", "src")
MUTATIONS: Final = ("updateContacts", "createContacts")
MAPPING: Final = """\
version: 1
destination: acoustic_connect
options: {{data_set_id: {data_set_id}, settle_seconds: {settle}, timeout_seconds: {timeout}}}
{source}identity: {{column: contact_id}}
addresses:
  EMAIL: {{column: email, attribute: Email}}
  SMS: {{column: mobile, attribute: Cell Phone, region: US}}
attributes:
  First Name: first_name
  Points: {{column: points, type: number}}
{consent}
policy: {{resubscribe: with_newer_evidence}}
delivery: {{mode: {mode}, batch_size: {batch_size}, concurrency: {concurrency}}}
guards: {{max_opt_out_share: 1.0, max_opt_in_share: 1.0, max_reject_share: 1.0, row_count_change: 1000}}
"""
CHANNELS: Final = """\
consent:
  channels:
    EMAIL: {column: email_opt_in, values: {OPT_IN: [Y], OPT_OUT: [N]}, at: at, source: src}
    SMS: {column: sms_opt_in, values: {OPT_IN: [Y], OPT_OUT: [N]}, at: at, source: src}
"""
GROUPS: Final = """\
consent:
  groups:
    Newsletters: {column: email_opt_in, values: {OPT_IN: [Y], OPT_OUT: [N]}, at: at, source: src}
ignore: [sms_opt_in]
"""


def key_of(number: int) -> str:
    """The identity of an invented contact."""
    return f"C-{number:04d}"


def row_of(number: int, **cells: str) -> dict[str, str]:
    """An export's row of an invented contact, who opts in to e-mail."""
    row = {
        "contact_id": key_of(number),
        "email": f"c{number:04d}@example.com",
        "mobile": "",
        "first_name": f"Name{number}",
        "points": str(number),
        "email_opt_in": "Y",
        "sms_opt_in": "",
        "at": "2026-01-02T03:04:05Z",
        "src": "form",
    }
    return row | cells


def rows_of(count: int, **cells: str) -> list[dict[str, str]]:
    """Rows of contacts 1 to `count`."""
    return [row_of(number, **cells) for number in range(1, count + 1)]


def contact_of(number: int, **consent: Any) -> dict[str, Any]:
    """A seeded contact; `consent` is `channels` and `consentGroups`."""
    attributes = {"Contact key": key_of(number), "Email": f"c{number:04d}@example.com"}
    return {"attributes": attributes, "consent": consent}


def contacts_of(count: int) -> list[dict[str, Any]]:
    """Seeded contacts 1 to `count`, without consent."""
    return [contact_of(number) for number in range(1, count + 1)]


def write_export(path: Path, rows: Iterable[Mapping[str, str]], header: Sequence[str] = HEADER) -> Path:
    """Writes an export as UTF-8 CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file of a run folder."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_batches(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Outcomes, but for what they were sent in: hands send their shards by themselves."""
    return [{name: cell for name, cell in row.items() if name != "batch"} for row in rows]


@dataclass
class World:
    """What a run meets: its folder, and the destination at the other end of the socket."""

    path: Path
    sandbox: Sandbox
    patience: Patience = FAST
    more: dict[str, Any] = field(default_factory=dict)
    """Settings beside where the sandbox is."""
    _names: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.sandbox.reset()
        self.seed()
        self.home = self.path / "home"

    def seed(self, contacts: Iterable[dict[str, Any]] = (), **settings: Any) -> None:
        """Loads the audience and contacts, and sets the sandbox's switches."""
        self.sandbox.load({"acoustic_connect": {"data_set": DATA_SET, "contacts": list(contacts)}}, replace=True)
        if settings:
            self.sandbox.settings(**settings)

    def faults(self, rules: Any) -> None:
        """Puts a fault schedule in force; an empty list ends all faults."""
        self.sandbox.faults(rules)

    def mapping(self, name: str = "m.yaml", consent: str = CHANNELS, **changes: Any) -> Path:
        """Writes the mapping; `changes`: mode, batch_size, concurrency, settle, timeout, source, data_set_id."""
        known: dict[str, Any] = {
            "mode": "update", "batch_size": 10, "concurrency": 1, "settle": 0.5, "timeout": 30, "source": "",
            "data_set_id": DATA_SET_ID,
        }  # fmt: skip
        path = self.path / name
        path.write_text(MAPPING.format(consent=consent.rstrip(), **(known | changes)), encoding="utf-8")
        return path

    def export(self, rows: Iterable[Mapping[str, str]]) -> Path:
        """Writes an export under a name of its own."""
        return write_export(self.path / f"x{next(self._names)}.csv", rows)

    @property
    def settings(self) -> Settings:
        """The settings that reach the sandbox, whatever the environment says."""
        reached = {"acoustic_connect_url": self.sandbox.url, "acoustic_connect_api_key": KEY}
        return Settings.model_validate(reached | self.more)

    def context(self, **changes: Any) -> Context:
        """A context with little patience."""
        given: dict[str, Any] = {"settings": self.settings, "home": self.home, "patience": self.patience}
        return Context(**(given | changes))

    def plan(self, mapping: Path, export: Path, *, full: bool = False) -> Result:
        """`plan`."""
        return run.plan(Request(mapping, export, full), self.context())

    def sync(self, mapping: Path, export: Path, *, full: bool = False, force: bool = False, **changes: Any) -> Result:
        """`sync`."""
        return run.sync(Request(mapping, export, full, force), self.context(**changes))

    def apply(self, run_id: str, approve: str | None = None) -> Result:
        """`apply`."""
        return run.apply(run_id, self.context(), approve=approve)

    def resume(self, run_id: str) -> Result:
        """`resume`."""
        return run.resume(run_id, self.context())

    def report(self, run_id: str) -> Result:
        """`report`."""
        return run.report(run_id, self.context())

    def folder(self, result: Result | str) -> Path:
        """A run's folder."""
        return self.home / "runs" / (result if isinstance(result, str) else result.summary.run_id)

    def outcomes(self, result: Result | str) -> dict[str, dict[str, str]]:
        """outcomes.csv by identity."""
        return {row["identity"]: row for row in read_csv(self.folder(result) / "outcomes.csv")}

    def mutations(self) -> list[Entry]:
        """The mutating requests that reached the sandbox."""
        return [entry for entry in self.sandbox.requests() if entry.operation in MUTATIONS]

    def until(self, count: int) -> list[Entry]:
        """The mutating requests when there are `count`: the sandbox may still be at work on one that was given up."""
        deadline = time.monotonic() + 60
        while len(found := self.mutations()) < count and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        return found

    def applied(self) -> Counter[str]:
        """How often each contact was in a request that took effect."""
        return Counter(key for entry in self.mutations() if entry.write_applied for key in entry.keys)

    def stored(self) -> dict[str, list[tuple[dict[str, Any], dict[str, Any]]]]:
        """Key -> (attributes, consent) of each contact with that key."""
        dump: Any = self.sandbox.dump()["acoustic_connect"]
        found: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
        for contact in dump["contacts"]:
            key = contact["attributes"].get("Contact key", "")
            found.setdefault(key, []).append((contact["attributes"], contact["consent"]))
        return found

    def status(self, key: str, channel: str = "EMAIL") -> str | None:
        """A stored channel status of the one contact with that key."""
        [(_, consent)] = self.stored()[key]
        status: str | None = consent.get("channels", {}).get(channel)
        return status


def stopped_before(step: str) -> Perform:
    """Performs steps as ever until one whose name begins with `step`: there Ctrl-C is pressed."""

    def perform(name: str, action: Callable[[], T], /) -> T:
        if name.startswith(step):
            raise KeyboardInterrupt
        return action()

    return perform
