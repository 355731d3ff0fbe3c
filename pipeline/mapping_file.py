"""Mapping files: loaded with line numbers, compared with an export's header, described by a JSON Schema.

Whoever needs a mapping imports it from here; its parts are in `pipeline.mapping`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from pipeline.errors import MappingError, MappingErrors
from pipeline.mapping.consent import At, Consent, Evidence, GroupTarget, Target
from pipeline.mapping.problems import problems
from pipeline.mapping.rules import cell_key
from pipeline.mapping.schema import Address, AttributeColumn, Delivery, Guards, Identity, Mapping, Policy, Source
from pipeline.mapping.suppression import SuppressionList
from pipeline.mapping.words import STATUSES, Destination
from pipeline.mapping.yaml_source import LONGEST_SHOWN, parse, shown
from pipeline.matching import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pipeline.mapping.yaml_source import KeyPath

__all__ = [
    "STATUSES",
    "Address",
    "At",
    "AttributeColumn",
    "Consent",
    "Delivery",
    "Destination",
    "Evidence",
    "GroupTarget",
    "Guards",
    "Identity",
    "Mapping",
    "MappingErrors",
    "MappingFile",
    "Policy",
    "Source",
    "SuppressionList",
    "Target",
    "cell_key",
    "check_header",
    "json_schema",
    "load",
    "read",
]

MAX_BYTES: Final = 1024 * 1024
"""Some hundred times the longest mapping that people have written."""
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping and where it came from. `sha256` is of the file's bytes, in hex."""

    mapping: Mapping
    path: Path
    sha256: str
    lines: dict[KeyPath, int] = field(default_factory=dict, repr=False, compare=False)

    def line_of(self, *path: str | int) -> int | None:
        """The line, from 1, of that key or of the nearest one above it that the file has; None where it has none."""
        return _line_of(self.lines, path)

    def error(self, path: KeyPath, problem: str) -> MappingError:
        """The problem as an error that names file, line and dotted path."""
        return _error(self.path, path, problem, self.line_of(*path))


def load(path: Path) -> MappingFile:
    """Reads a mapping file. Raises MappingErrors with everything that is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise MappingErrors([_error(path, (), "there is no such file", None)]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MappingErrors([_error(path, (), f"the file cannot be read: {reason}", None)]) from error
    return read(content, path)


def read(content: bytes, path: Path) -> MappingFile:
    """Reads a mapping from the bytes of a file; `path` is for messages. Raises MappingErrors."""
    if len(content) > MAX_BYTES:
        problem = f"the file is larger than the {MAX_BYTES:,} bytes that a mapping may have; is it one?"
        raise MappingErrors([_error(path, (), problem, None)])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MappingErrors([_error(path, (), "the file is not UTF-8 text; save it as UTF-8", line)]) from None
    source = parse(text)
    found = [(p.path, p.problem, p.line) for p in source.problems]
    mapping = None
    if isinstance(source.tree, dict):
        mapping, wrong = _validated(source.tree)
        doubtful = {p.path for p in source.problems}
        found += [(p, text, _line_of(source.lines, p)) for p, text in wrong if not _is_below(p, doubtful)]
    elif not found:
        what = "the file is empty" if source.tree is None else f"found {shown(source.tree)}"
        found.append(((), f"{what}; a mapping has keys: version, destination, identity, ...", None))
    if found or mapping is None:
        found.sort(key=lambda problem: problem[2] or 0)
        raise MappingErrors(_error(path, where, problem, line) for where, problem, line in found)
    return MappingFile(mapping, path, hashlib.sha256(content).hexdigest(), source.lines)


def check_header(mapping_file: MappingFile, header: Sequence[str]) -> None:
    """Raises MappingErrors unless the export has every mapped column, and every column of it is mapped or ignored."""
    mapping = mapping_file.mapping
    mapped = mapping.columns()
    missing = [column for column in mapped if column not in header]
    respelled = {column: like for column in missing if (like := _respelled(column, header))}
    if mapped and len(missing) == len(mapped) and not respelled:
        # Without a header line, the first record's values stand here: they are not repeated in a message.
        problem = f"none of the mapped columns is among the {len(header)} of the export; has it a header line?"
        raise MappingErrors([_error(mapping_file.path, (), problem, None)])
    known = {*mapped, *mapping.ignore, *respelled.values()}
    unmapped = [column for column in header if column not in known]
    unmet = [column for column in missing if column not in respelled]
    errors = [
        mapping_file.error(path, _absent(column, header, unmapped, respelled))
        for column, path in mapping.column_uses()
        if column in missing
    ]
    errors += [mapping_file.error(("ignore",), _unmapped(column) + nearest(column, unmet)) for column in unmapped]
    if errors:
        raise MappingErrors(errors)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of mapping files, with a description for every key."""
    return {"$schema": DIALECT, **Mapping.model_json_schema(), "title": "consent-sync mapping"}


def _validated(tree: dict[str, Any]) -> tuple[Mapping | None, list[tuple[KeyPath, str]]]:
    try:
        return Mapping.model_validate(tree), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [problem for detail in details for problem in problems(detail)]


def _absent(column: str, header: Sequence[str], unmapped: Sequence[str], respelled: dict[str, str]) -> str:
    problem = f"the export has no column {shown(column)}"
    if column in respelled:
        return f"{problem}; it has {shown(respelled[column])}, which differs only in case or space"
    return problem + (nearest(column, unmapped) or nearest(column, header))


def _unmapped(column: str) -> str:
    return f"column {shown(column)} of the export is neither mapped nor ignored; map it, or add it to `ignore`"


def _respelled(column: str, header: Iterable[str]) -> str | None:
    def plain(name: str) -> str:
        return "".join(name.split()).casefold()

    return next((name for name in header if plain(name) == plain(column)), None)


def _is_below(path: KeyPath, places: set[KeyPath]) -> bool:
    """Whether a problem of the YAML itself at or above the path explains what is wrong there."""
    return any(path[:length] in places for length in range(1, len(path) + 1))


def _line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), None)


def _error(file: Path, path: KeyPath, problem: str, line: int | None) -> MappingError:
    return MappingError(problem, file=str(file), line=line, path=".".join(_step(str(step)) for step in path))


def _step(step: str) -> str:
    return step if step.isprintable() and len(step) <= LONGEST_SHOWN else shown(step)
