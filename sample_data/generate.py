"""Writes the sample data: `python sample_data/generate.py` makes the same bytes every time.

`planted()` says what is in them and what a first run of each mapping is to make of it, without a run.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too

from sample_data.oddities import ODDITIES
from sample_data.people import Dice, invent
from sample_data.stories import COLUMNS, GROUP_IDS, ORDINARY, Expected, Record, Story, calm, ordinary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sample_data.oddities import Oddity
    from sample_data.stories import Stored

FOLDER: Final = Path(__file__).resolve().parent
RECORDS: Final = 5000
PLATFORM_ONLY: Final = 150
"""Contacts that the platform has and the export does not know."""
SEED: Final = 20250601
DATA_SET: Final = {
    "dataSetId": "4fe4136f-c007-44a3-b38f-922200000000",
    "name": "Lakeside Outfitters",
    "attributes": [
        {"name": "Contact key", "type": "TEXT", "identifyAs": {"key": True, "channels": None}},
        {"name": "Email", "type": "TEXT", "identifyAs": {"key": None, "channels": ["EMAIL"]}},
        {"name": "Cell Phone", "type": "TEXT", "identifyAs": {"key": None, "channels": ["SMS"]}},
        {"name": "First Name", "type": "TEXT"},
        {"name": "Last Name", "type": "TEXT"},
        {"name": "Birthday", "type": "DATE"},
        {"name": "Points", "type": "NUMBER"},
        {"name": "VIP", "type": "BOOLEAN"},
    ],
    "consentGroups": [{"id": group_id, "name": name} for name, group_id in GROUP_IDS.items()],
}
TABLE: Final = ("<!-- table: written by generate.py -->\n", "<!-- end of table -->\n")


@dataclass(frozen=True, slots=True)
class Row:
    """A record of the export in its place: row n is record n + 1."""

    story: Story
    record: Record


@dataclass(frozen=True, slots=True)
class Planted:
    """Everything that the files hold. `strangers`: whom only the platform knows."""

    rows: tuple[Row, ...]
    strangers: tuple[Story, ...]

    @property
    def stories(self) -> tuple[Story, ...]:
        """Every contact of the export once, in the order of its first record."""
        return tuple({id(row.story): row.story for row in self.rows}.values())

    def expected(self, mapping: str) -> list[Expected]:
        """What a first run of a mapping (`channels` or `groups`) makes of each record, in their order."""
        return [row.record.channels if mapping == "channels" else row.record.groups for row in self.rows]


@cache
def planted() -> Planted:
    """Invents the contacts, plants the oddities, and puts the records in their order."""
    dice = Dice(SEED)
    stories: list[Story] = []
    for oddity in ODDITIES:
        for number in range(oddity.stories):
            stories.append(_odd(oddity, number, calm(oddity.name, invent(len(stories), dice), dice)))
    left = RECORDS - sum(len(story.records) for story in stories)
    first = len(stories)
    stories += [ordinary(invent(number, dice), dice) for number in range(first, first + left)]
    nobody_told = range(len(stories), len(stories) + PLATFORM_ONLY)
    strangers = tuple(ordinary(invent(number, dice), dice) for number in nobody_told)
    turns = [story for story in stories for _ in story.records]
    dice.shuffle(turns)
    waiting = {id(story): iter(story.records) for story in stories}
    return Planted(tuple(Row(story, next(waiting[id(story)])) for story in turns), strangers)


def _odd(oddity: Oddity, number: int, story: Story) -> Story:
    oddity.plant(story, number)
    for record, channels, groups in zip(story.records, oddity.channels, oddity.groups, strict=True):
        record.channels, record.groups = channels, groups
    return story


def contacts_csv(data: Planted) -> bytes:
    """The export: UTF-8 but for what is planted, one line feed after each record."""
    lines = [",".join(COLUMNS).encode()]
    for row in data.rows:
        line = ",".join(_field(row.record.cells[column]) for column in COLUMNS).encode()
        lines.append(row.record.spoil(line) if row.record.spoil else line)
    return b"\n".join(lines) + b"\n"


def _field(text: str) -> str:
    if not any(mark in text for mark in ',"\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def seed_json(data: Planted) -> bytes:
    """The sandbox's seed, a line for each contact."""
    everybody = [story.stored for story in (*data.stories, *data.strangers) if story.is_stored]
    everybody.sort(key=lambda stored: stored.attributes["Contact key"])
    contacts = ",\n".join(_compact(_contact(stored)) for stored in everybody)
    text = f'{{"acoustic_connect":{{"data_set":{_compact(DATA_SET)},"contacts":[\n{contacts}\n]}}}}\n'
    return text.encode()


def _contact(stored: Stored) -> dict[str, object]:
    groups = {GROUP_IDS[name]: statuses for name, statuses in stored.groups.items() if statuses}
    consent: dict[str, object] = {"channels": stored.channels} if stored.channels else {}
    return {"attributes": stored.attributes, "consent": consent | ({"consentGroups": groups} if groups else {})}


def _compact(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def readme(text: str, data: Planted) -> str:
    """The README with its tables of oddities and outcomes written anew."""
    before, begin, rest = text.partition(TABLE[0])
    _, end, after = rest.partition(TABLE[1])
    return before + begin + "".join(f"{line}\n" for line in _tables(data)) + end + after


def _tables(data: Planted) -> Iterable[str]:
    yield "| what is planted | contacts | records | with `acoustic_channels` | with `acoustic_groups` |"
    yield "| --- | ---: | ---: | --- | --- |"
    for oddity in ODDITIES:
        records = oddity.stories * len(oddity.channels)
        outcomes = f"{_outcomes(oddity.channels)} | {_outcomes(oddity.groups)}"
        yield f"| {oddity.what} (`{oddity.name}`) | {oddity.stories} | {records} | {outcomes} |"
    usual = sum(row.story.oddity == ORDINARY for row in data.rows)
    yield f"| Nothing (`{ORDINARY}`) | {usual:,} | {usual:,} | updated | updated |"
    yield ""
    yield "| in all | `acoustic_channels` | `acoustic_groups` |"
    yield "| --- | ---: | ---: |"
    channels, groups = tally(data.expected("channels")), tally(data.expected("groups"))
    for what in sorted(channels.keys() | groups.keys()):
        yield f"| {what} | {channels[what]:,} | {groups[what]:,} |"


def _outcomes(expected: Sequence[Expected]) -> str:
    return ", then ".join(_outcome(one) for one in expected)


def _outcome(expected: Expected) -> str:
    reason = f" ({expected.reason})" if expected.reason else ""
    withheld = f"; withheld {expected.withheld.replace('; ', ', ')}" if expected.withheld else ""
    return expected.outcome + reason + withheld


def tally(expected: Iterable[Expected]) -> Counter[str]:
    """How many records have each outcome, and how many parts are withheld for each reason."""
    counts: Counter[str] = Counter()
    for one in expected:
        counts[one.outcome] += 1
        counts.update(f"withheld: {entry.partition(': ')[2]}" for entry in one.withheld.split("; ") if entry)
    return counts


def main() -> None:
    """Writes the three files beside this one."""
    data = planted()
    (FOLDER / "contacts.csv").write_bytes(contacts_csv(data))
    (FOLDER / "acoustic_connect.json").write_bytes(seed_json(data))
    text = (FOLDER / "README.md").read_bytes().decode()
    (FOLDER / "README.md").write_bytes(readme(text, data).encode())


if __name__ == "__main__":
    main()
