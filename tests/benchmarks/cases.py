"""Who is measured at what. Another contestant (a second script, another tool) is another entry of CASES."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .measuring import python

if TYPE_CHECKING:
    from collections.abc import Callable

MAPPING: Final = Path(__file__).with_name("mapping.yaml")
PACKAGE: Final = "tests.benchmarks"
SETTLED: Final = (0, 3)
"""Exit codes of a run that came to its end: 3 because the export has records that cannot be sent."""


@dataclass(frozen=True, slots=True)
class Course:
    """What every contestant is given."""

    records: int
    export: Path
    changed_export: Path
    """The export of the next night: half a percent has changed."""
    url: str
    work: Path
    """An empty folder for the cases of one round."""
    peers: Path
    """The interpreter of the environment that other tools live in."""

    @property
    def home(self) -> str:
        """Where the product keeps runs and state between the cases of a round."""
        return str(self.work / "home")


@dataclass(frozen=True, slots=True)
class Case:
    """One contestant at one task. Contestants at the same task are compared with its floor."""

    name: str
    task: str
    contestant: str
    command: Callable[[Course], list[str]]
    after: str | None = None
    """The case whose traces it needs."""
    sends: bool = True
    """Whether the sink must have received rows when it is over."""
    exit_codes: tuple[int, ...] = (0,)
    most: int | None = None
    """It is not measured with more records: it would take all of the memory, or an hour."""
    needs_peers: bool = False
    holds: bool = False
    """Whether the sink has what was sent before, and shows it."""
    says_seconds: bool = False
    """It measures a part of itself, and says what that took."""


def _product(command: str, course: Course, export: Path, home: str) -> list[str]:
    return python("pipeline", command, str(MAPPING), "--export", str(export), "--home", home, "--json")


def _peer(module: str, course: Course) -> list[str]:
    return [str(course.peers), "-m", f"{PACKAGE}.{module}", str(course.export), course.url]


def _plain(course: Course, threads: int) -> list[str]:
    return python(f"{PACKAGE}.plain", str(course.export), course.url, "--threads", str(threads))


MILLION: Final = 1_000_000
CASES: Final = (
    Case("floor-plan", "plan", "floor", lambda c: python(f"{PACKAGE}.floor", str(c.export)), sends=False, most=MILLION),
    Case(
        "product-plan",
        "plan",
        "product",
        lambda c: _product("plan", c, c.export, str(c.work / "plan")),
        sends=False,
        exit_codes=SETTLED,
    ),
    Case("floor-sync", "sync", "floor", lambda c: python(f"{PACKAGE}.floor", str(c.export), c.url), most=MILLION),
    Case("product-sync", "sync", "product", lambda c: _product("sync", c, c.export, c.home), exit_codes=SETTLED),
    Case("plain-sync", "sync", "plain script", lambda c: _plain(c, 1), most=MILLION),
    Case("plain-sync-4", "sync", "plain script, 4 threads", lambda c: _plain(c, 4), most=MILLION),
    Case("dlt-sync", "sync", "dlt", lambda c: _peer("dlt_sync", c), most=MILLION, needs_peers=True),
    Case("singer-sync", "sync", "Singer SDK", lambda c: _peer("singer_sync", c), most=MILLION, needs_peers=True),
    Case(
        "product-report",
        "report",
        "product",
        lambda c: python("pipeline", "report", "latest", "--home", c.home, "--json"),
        after="product-sync",
        sends=False,
        exit_codes=SETTLED,
    ),
    Case(
        "product-nightly",
        "nightly",
        "product",
        lambda c: _product("sync", c, c.changed_export, c.home),
        after="product-sync",
        exit_codes=SETTLED,
    ),
    Case(
        "product-verify",
        "verify",
        "product",
        lambda c: _product("verify", c, c.changed_export, c.home),
        after="product-sync",
        sends=False,
        exit_codes=SETTLED,
        most=MILLION,
        holds=True,
    ),
    Case(
        "product-addresses",
        "addresses",
        "product",
        lambda c: python(f"{PACKAGE}.addresses", str(c.records)),
        sends=False,
        most=MILLION,
        says_seconds=True,
    ),
)


def chosen(names: list[str]) -> tuple[Case, ...]:
    """The named cases and those that they come after; none named: all. Raises ValueError for an unknown name."""
    known = {case.name: case for case in CASES}
    wanted = set(names or known)
    if unknown := wanted - set(known):
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    for case in reversed(CASES):
        if case.name in wanted and case.after is not None:
            wanted.add(case.after)
    return tuple(case for case in CASES if case.name in wanted)
