"""A destination's sample: its stories in the order of the export, the export itself, and the tables of the README."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from sample_data.story import ORDINARY, AnyStory, Expected, Oddity, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sample_data.people import Dice, Person


@dataclass(frozen=True, slots=True)
class Row(Generic[AnyStory]):
    """A record of the export in its place: row n is record n + 1."""

    story: AnyStory
    record: Record


@dataclass(frozen=True, slots=True)
class Sample(Generic[AnyStory]):
    """Everything that a destination's files hold."""

    mappings: tuple[str, ...]
    """The mapping of channels and, where there is one, that of groups."""
    columns: tuple[str, ...]
    oddities: Sequence[Oddity[AnyStory]]
    rows: tuple[Row[AnyStory], ...]
    strangers: tuple[AnyStory, ...] = ()
    """Whom only the platform knows."""

    @property
    def stories(self) -> tuple[AnyStory, ...]:
        """Everybody in the export once, in the order of their first records."""
        return tuple({id(row.story): row.story for row in self.rows}.values())

    def expected(self, mapping: str) -> list[Expected]:
        """What a first run of a mapping makes of each record, in their order."""
        by_channels = self.mappings.index(mapping) == 0
        return [row.record.channels if by_channels else row.record.groups for row in self.rows]

    def export(self) -> bytes:
        """CSV in UTF-8 but for what is planted, one line feed after each record."""
        lines = [",".join(self.columns).encode()]
        for row in self.rows:
            line = ",".join(_field(row.record.cells[column]) for column in self.columns).encode()
            lines.append(row.record.spoil(line) if row.record.spoil else line)
        return b"\n".join(lines) + b"\n"

    def tables(self) -> Iterator[str]:
        """What is planted and what becomes of it; then how often each outcome is expected."""
        yield _row("what is planted", "contacts", "records", *(f"with `{name}`" for name in self.mappings))
        yield _row("---", "---:", "---:", *("---" for _ in self.mappings))
        for oddity in self.oddities:
            records = oddity.stories * len(oddity.channels)
            of_each = (oddity.channels, oddity.groups)[: len(self.mappings)]
            outcomes = (", then ".join(map(str, ends)) for ends in of_each)
            yield _row(f"{oddity.what} (`{oddity.name}`)", str(oddity.stories), str(records), *outcomes)
        usual = [row.record for row in self.rows if row.story.oddity == ORDINARY]
        outcomes = map(str, (usual[0].channels, usual[0].groups)[: len(self.mappings)])
        yield _row(f"Nothing (`{ORDINARY}`)", *[f"{len(usual):,}"] * 2, *outcomes)
        yield ""
        yield _row("in all", *(f"`{name}`" for name in self.mappings))
        yield _row("---", *("---:" for _ in self.mappings))
        counts = [tally(self.expected(name)) for name in self.mappings]
        for what in sorted({what for count in counts for what in count}):
            yield _row(what, *(f"{count[what]:,}" for count in counts))


def tell(
    oddities: Sequence[Oddity[AnyStory]],
    calm: Callable[[str, Person, Dice], AnyStory],
    ordinary: Callable[[Person, Dice], AnyStory],
    invent: Callable[[int, Dice], Person],
    records: int,
    dice: Dice,
) -> list[AnyStory]:
    """A calm story for each time that an oddity is planted, and ordinary ones until there are so many records."""
    stories: list[AnyStory] = []
    for oddity in oddities:
        for number in range(oddity.stories):
            stories.append(oddity.planted_in(calm(oddity.name, invent(len(stories), dice), dice), number))
    first = len(stories)
    left = records - sum(len(story.records) for story in stories)
    return stories + [ordinary(invent(number, dice), dice) for number in range(first, first + left)]


def in_order(stories: Iterable[AnyStory], dice: Dice) -> tuple[Row[AnyStory], ...]:
    """Shuffles the records of all; those of one story keep their order."""
    turns = [story for story in stories for _ in story.records]
    waiting = {id(story): iter(story.records) for story in turns}
    dice.shuffle(turns)
    return tuple(Row(story, next(waiting[id(story)])) for story in turns)


def tally(expected: Iterable[Expected]) -> Counter[str]:
    """How many records have each outcome, and how many parts are withheld for each reason."""
    counts: Counter[str] = Counter()
    for one in expected:
        counts[one.outcome] += 1
        counts.update(f"withheld: {entry.partition(': ')[2]}" for entry in one.withheld.split("; ") if entry)
    return counts


def compact(document: object) -> str:
    """JSON on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def seed(vendor: str, definitions: str, name: str, documents: Iterable[object]) -> bytes:
    """The sandbox's seed: `definitions` are members of its object, followed by the list `name`, a line for each."""
    lines = ",\n".join(map(compact, documents))
    return f'{{"{vendor}":{{{definitions}"{name}":[\n{lines}\n]}}}}\n'.encode()


def _field(text: str) -> str:
    if not any(mark in text for mark in ',"\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
