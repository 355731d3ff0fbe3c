"""How an audit's differences are counted and told: as JSON, as lines, as an exit code. Counts only, no addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline.model import Column
from pipeline.stages.drift import EXPECTED, KIND, PART, SHOWN, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

ADVICE: Final[dict[Kind, str]] = {
    Kind.RAISED_SINCE: "find out who opted them in against an opt-out; an export that says OPT_OUT, by `sync --full`, "
    "tells it again",
    Kind.DIFFERS: "find out who changed them; `sync --full` tells what an export says again, but for what an opt-out "
    "forbids",
    Kind.MISSING: "they are not at the destination: `mode: upsert` creates them, or leave them out of the export",
    Kind.OPTED_OUT_SINCE: "nothing: the platform's own opt-outs stand, and no sync ends them",
    Kind.DESTINATION_ONLY: "nobody here has told them anything: ask where their consents come from",
}
NOT_ASKED: Final = "not asked for; `--destination-only` walks through all contacts of the destination"


@dataclass(slots=True)
class Drift:
    """Contacts by how the destination agrees with them, and where the consents differ."""

    compared_with: str
    """`export` or `state`."""
    max_drift: float = 0.0
    contacts: int = 0
    differ: int = 0
    missing: int = 0
    opted_out_since: int = 0
    """Contacts that differ by the platform's own opt-outs alone."""
    raised_since: int = 0
    """Contacts, among those that differ, with a permission where an opt-out was told."""
    differences: dict[str, dict[str, int]] = field(default_factory=dict)
    """Target label -> `export OPT_OUT, destination OPT_IN` -> contacts; attribute -> `value differs` -> contacts"""
    unusable: int = 0
    """Records of the export that say nothing that could be compared."""
    destination_only: dict[str, Any] | None = None
    destination_only_said: str = NOT_ASKED
    """Why `destination_only` is not known."""
    file: str = ""

    def add(self, contacts: int, found: pl.DataFrame) -> None:
        """Counts contacts, with `found` as `drift.differences` gives it."""
        kinds = found.group_by(Column.IDENTITY).agg(pl.col(KIND).unique())

        def having(*wanted: Kind) -> pl.Expr:
            return pl.col(KIND).list.eval(pl.element().is_in([str(kind) for kind in wanted])).list.any()

        serious = having(Kind.DIFFERS, Kind.RAISED_SINCE)
        self.contacts += contacts
        self.missing += kinds.filter(having(Kind.MISSING)).height
        self.differ += kinds.filter(serious).height
        self.raised_since += kinds.filter(having(Kind.RAISED_SINCE)).height
        self.opted_out_since += kinds.filter(having(Kind.OPTED_OUT_SINCE) & ~serious).height
        parts = found.filter(pl.col(PART) != "")
        for part, mine, theirs, count in parts.group_by(PART, EXPECTED, SHOWN).len().sort(PART, "len").iter_rows():
            said = {"export": "export", "state": "told"}[self.compared_with]
            step = f"{said} {mine}, destination {theirs}" if mine is not None else "value differs"
            steps = self.differences.setdefault(part, {})
            steps[step] = steps.get(step, 0) + count

    def add_unknown(self, alone: pl.DataFrame) -> None:
        """Counts what nobody here knows, as `drift.unknown_here` gives it."""
        consents: dict[str, dict[str, int]] = {}
        for part, status, count in alone.filter(pl.col(PART) != "").group_by(PART, SHOWN).len().sort(PART).iter_rows():
            consents.setdefault(part, {})[status] = count
        self.destination_only_said = ""
        self.destination_only = {"contacts": alone.filter(pl.col(PART) == "").height, "consents": consents}

    @property
    def match(self) -> int:
        """Contacts that agree in everything."""
        return self.contacts - self.differ - self.missing - self.opted_out_since

    @property
    def share(self) -> float:
        """The share of contacts that differ or are missing; the platform's own opt-outs since are no drift."""
        return (self.differ + self.missing) / self.contacts if self.contacts else 0.0

    @property
    def exit_code(self) -> int:
        """0: all match, or no more than `max_drift` do not; 3: more, or some were raised since."""
        return 3 if self.share > self.max_drift or self.raised_since else 0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        known = {} if self.destination_only is not None else {"destination_only_reason": self.destination_only_said}
        return {
            "compared_with": self.compared_with,
            "match": self.match,
            "differ": self.differ,
            "missing": self.missing,
            "opted_out_since": self.opted_out_since,
            "raised_since": self.raised_since,
            "drift": round(self.share, 6),
            "max_drift": self.max_drift,
            "unusable_records": self.unusable,
            "differences": self.differences,
            "destination_only": self.destination_only,
            **known,
            "differences_csv": self.file,
        }

    def lines(self) -> Iterator[str]:
        """For people: what was found, and what to do about it."""
        yield f"{self.contacts:,} contacts of the {self.compared_with}, compared with the destination:"
        yield f"{self.match:,} match, {self.differ:,} differ, {self.missing:,} missing (drift {self.share:.2%})"
        if self.unusable:
            yield f"{self.unusable:,} records of the export cannot be compared (malformed or without identity)"
        for label, steps in self.differences.items():
            for step, count in steps.items():
                yield f"  {label}: {step}: {count:,}"
        alone = self.destination_only
        counts = {
            Kind.RAISED_SINCE: self.raised_since,
            Kind.DIFFERS: self.differ - self.raised_since,
            Kind.MISSING: self.missing,
            Kind.OPTED_OUT_SINCE: self.opted_out_since,
            Kind.DESTINATION_ONLY: alone["contacts"] if alone else 0,
        }
        for kind, count in counts.items():
            if count:
                yield f"{kind}: {count:,}: {ADVICE[kind]}"
        if alone:
            if not any(alone.values()):
                yield f"{Kind.DESTINATION_ONLY}: nobody, and no consent"
            for label, statuses in alone["consents"].items():
                for status, count in statuses.items():
                    yield f"  {label}: {status}, at the destination only: {count:,}"
        else:
            yield f"{Kind.DESTINATION_ONLY}: {self.destination_only_said}"
        yield f"each of them: {self.file}"
