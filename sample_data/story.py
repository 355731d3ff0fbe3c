"""What somebody's records say, and what is to become of each: the words that all samples have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sample_data.people import Person

ORDINARY: Final = "ordinary"
RESUBSCRIBE: Final = "resubscribe_without_evidence"
UNLISTED: Final = "unknown_consent_value"


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of one record in a first run; `withheld` as in outcomes.csv: `PART: reason; PART: reason`."""

    outcome: str = "updated"
    reason: str = ""
    withheld: str = ""

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        withheld = f"; withheld {self.withheld.replace('; ', ', ')}" if self.withheld else ""
        return self.outcome + reason + withheld


CREATED: Final = Expected("created")
FOLDED: Final = Expected("superseded", "folded")
MALFORMED: Final = Expected("rejected", "malformed_record")
NOTHING: Final = Expected("unchanged", "nothing_to_send")
UPDATED: Final = Expected()


@dataclass(slots=True)
class Record:
    """One record of an export, with what becomes of it by the mapping of channels, and by that of groups.

    `spoil` damages the line after it is written.
    """

    cells: dict[str, str]
    channels: Expected = UPDATED
    groups: Expected = UPDATED
    spoil: Callable[[bytes], bytes] | None = None


@dataclass(slots=True)
class Told:
    """What the export tells of somebody; the stories of each sample add the platform's side. `oddity`: its name."""

    oddity: str
    person: Person
    records: list[Record]

    def say(self, **cells: str) -> None:
        """Changes cells of the first record."""
        self.records[0].cells |= cells

    def only(self, *columns: str, **cells: str) -> None:
        """The first record says nothing but what it says in these columns, and the given cells."""
        mine = self.records[0].cells
        self.records[0].cells = {column: mine[column] if column in columns else "" for column in mine} | cells

    def twin(self, first: dict[str, str], *later: dict[str, str]) -> None:
        """One record becomes several that differ in the given cells."""
        base = self.records[0]
        self.records = [Record(base.cells | changed) for changed in (first, *later)]


AnyStory = TypeVar("AnyStory", bound=Told)


@dataclass(frozen=True, slots=True)
class Oddity(Generic[AnyStory]):
    """One row of the README's table. `channels` and `groups`: what becomes of each record of a story, by mapping."""

    name: str
    what: str
    stories: int
    plant: Callable[[AnyStory, int], None]
    """Changes a calm story; the number tells the stories of one oddity apart."""
    channels: tuple[Expected, ...] = (UPDATED,)
    groups: tuple[Expected, ...] = (UPDATED,)

    def planted_in(self, story: AnyStory, number: int) -> AnyStory:
        """The story with the oddity in it, and with what is to become of its records."""
        self.plant(story, number)
        for record, channels, groups in zip(story.records, self.channels, self.groups, strict=True):
            record.channels, record.groups = channels, groups
        return story


def without(*parts: str, reason: str) -> tuple[Expected]:
    """The record goes, its named parts do not."""
    return (Expected(withheld=entries(*parts, reason=reason)),)


def rejected(*parts: str, reason: str) -> tuple[Expected]:
    """Nothing goes, as nothing valid is left."""
    return (Expected("rejected", reason, entries(*parts, reason=reason)),)


def held(*parts: str, reason: str = RESUBSCRIBE) -> tuple[Expected]:
    """Nothing goes, as a policy forbids the only things that the record says."""
    return (Expected("held", reason, entries(*parts, reason=reason)),)


def entries(*parts: str, reason: str) -> str:
    """Parts that are withheld for one reason."""
    return "; ".join(f"{part}: {reason}" for part in parts)
