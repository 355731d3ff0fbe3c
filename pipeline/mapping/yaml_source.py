"""Reads YAML as inert data and remembers on which line each key stands.

A subset of YAML 1.2: no anchors, aliases, tags or repeated keys, so that what a reviewer reads is what is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath = tuple[str | int, ...]

MAX_DEPTH: Final = 20
MAX_VALUES: Final = 50_000
"""Keys and values: a mapping that ignores as many columns as an export may have has a tenth."""
MAX_PROBLEMS: Final = 100
LONGEST_SHOWN: Final = 60
NULL: Final = re.compile(r"|~|null|Null|NULL")
BOOLEAN: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
"""Only what reads back as it was written is a number: `0049` and `12e4` are more likely parts of an id."""
STANDARD_TAG: Final = "tag:yaml.org,2002:"


class Unquoted(str):
    """A scalar that YAML reads as a number, a boolean or (in a list) as null, kept as the text that was written.

    Whoever expects text gets `1`, `true` or `1.50` as written; `native` gives what YAML makes of it.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """What is wrong with the YAML itself; `line` counts from 1."""

    path: KeyPath
    problem: str
    line: int | None


@dataclass(slots=True)
class YamlSource:
    """A parsed document: dicts, lists, text, `Unquoted` and None; the line of each path, from 1; the problems found."""

    tree: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[SourceProblem] = field(default_factory=list)


def parse(text: str) -> YamlSource:
    """Parses one document. Never raises: what cannot be read is in `problems`, and then there may be no tree."""
    source = YamlSource()
    try:
        _Builder(text, source).document()
    except _UnreadableError as error:
        source.problems.append(error.found)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        source.problems.append(
            SourceProblem((), f"the character {shown(_text(error.character))} is not allowed in YAML", line)
        )
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        source.problems.append(SourceProblem((), _syntax(error), mark.line + 1 if mark else None))
    except (YAMLError, ValueError, OverflowError) as error:
        source.problems.append(SourceProblem((), f"this is not valid YAML: {error}", None))
    return source


def native(value: Any) -> Any:
    """The value with every `Unquoted` text as YAML 1.2 reads it: a number, a boolean or None."""
    if isinstance(value, dict):
        return {key: native(item) for key, item in value.items()}
    if isinstance(value, list):
        return [native(item) for item in value]
    if not isinstance(value, Unquoted):
        return value
    if NULL.fullmatch(value):
        return None
    if BOOLEAN.fullmatch(value):
        return value.lower() == "true"
    return int(value) if INTEGER.fullmatch(value) else float(value)


def shown(value: object) -> str:
    """A value as messages show it: on one line, short, and as it was written."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "keys with values"
        case list() | tuple():
            return "a list" if value else "an empty list"
    text = str(value) if isinstance(value, Unquoted) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


class _UnreadableError(Exception):
    """The document cannot be taken any further."""

    def __init__(self, problem: str, event: events.Event) -> None:
        super().__init__(problem)
        self.found = SourceProblem((), problem, event.start_mark.line + 1)


class _Builder:
    """Builds the tree from parser events, so that depth is bounded and nothing is resolved, expanded or constructed."""

    def __init__(self, text: str, source: YamlSource) -> None:
        self.source = source
        self.events: Iterator[events.Event] = YAML(typ="safe", pure=True).parse(text)

    def document(self) -> None:
        event = self.next()
        while not isinstance(event, events.DocumentStartEvent | events.StreamEndEvent):
            event = self.next()
        if isinstance(event, events.StreamEndEvent):
            return
        self.source.tree = self.value(self.next(), ())
        self.next()
        after = self.next()
        if isinstance(after, events.DocumentStartEvent):
            self.report((), "a second document begins here; a file holds one", after)

    def next(self) -> events.Event:
        return next(self.events)

    def value(self, event: events.Event, path: KeyPath, *, listed: bool = False) -> Any:
        if len(path) > MAX_DEPTH:
            raise _UnreadableError(f"the file has more than {MAX_DEPTH} levels", event)
        if len(self.source.lines) >= MAX_VALUES:
            raise _UnreadableError(f"the file has more than {MAX_VALUES:,} values; is it a mapping?", event)
        self.source.lines.setdefault(path, event.start_mark.line + 1)
        self.refuse_references(event, path)
        match event:
            case events.ScalarEvent():
                return _scalar(event, listed=listed)
            case events.MappingStartEvent():
                return self.mapping(path)
            case events.SequenceStartEvent():
                return self.sequence(path)
        return None

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self.next(), events.MappingEndEvent):
            self.refuse_references(event, path)
            if not isinstance(event, events.ScalarEvent):
                raise _UnreadableError("a key must be a word or text of its own", event)
            key, line = str(event.value), event.start_mark.line + 1
            here = (*path, key)
            if key in found:
                self.report(here, f"the key is given twice, on lines {self.source.lines[here]} and {line}", event)
            else:
                self.source.lines[here] = line
            found.setdefault(key, self.value(self.next(), here))
        return found

    def sequence(self, path: KeyPath) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self.next(), events.SequenceEndEvent):
            found.append(self.value(event, (*path, len(found)), listed=True))
        return found

    def refuse_references(self, event: events.Event, path: KeyPath) -> None:
        name = getattr(event, "anchor", None)
        if isinstance(event, events.AliasEvent):
            self.report(path, f"the alias {shown(f'*{name}')} is not allowed; write the value out", event)
        elif name is not None:
            self.report(path, f"the anchor {shown(f'&{name}')} is not allowed; write the value out", event)
        if (tag := getattr(event, "tag", None)) is not None:
            short = str(tag).replace(STANDARD_TAG, "!!")
            self.report(path, f"the tag {shown(short)} is not allowed; a mapping is plain data", event)

    def report(self, path: KeyPath, problem: str, event: events.Event) -> None:
        if len(self.source.problems) >= MAX_PROBLEMS:
            raise _UnreadableError("there is more like this; put the above right first", event)
        self.source.problems.append(SourceProblem(path, problem, event.start_mark.line + 1))


def _scalar(event: events.ScalarEvent, *, listed: bool) -> str | None:
    text = str(event.value)
    if not event.implicit[0]:
        return text
    if NULL.fullmatch(text):
        return Unquoted(text) if listed else None
    plain = BOOLEAN.fullmatch(text) or INTEGER.fullmatch(text) or DECIMAL.fullmatch(text)
    return Unquoted(text) if plain else text


def _syntax(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "")
    if "'\\t'" in problem:
        return "a tab stands where YAML needs spaces; indent with spaces"
    return f"this is not valid YAML: {problem}"


def _text(character: object) -> str:
    return chr(character) if isinstance(character, int) else str(character)
