"""What must hold within a section of a mapping, beyond the type of each key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.mapping.yaml_source import KeyPath, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from pipeline.mapping.consent import Target

Problem = tuple[KeyPath, str]
"""(path below the section at hand, what is wrong)"""


class RuleError(ValueError):
    """A section breaks rules, each at a place of its own."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{'.'.join(map(str, path))}: {text}" if path else text for path, text in problems))


def cell_key(text: str) -> str:
    """The form in which cells and listed values are compared."""
    return text.strip().lower()


def check_one_of(section: BaseModel, keys: Sequence[str]) -> str:
    """The one key of `keys` that the section has. Raises RuleError where it has none or several."""
    given = [key for key in keys if getattr(section, key) is not None]
    wanted = " or ".join(f"`{key}`" for key in keys)
    if len(given) != 1:
        raise RuleError(((), f"{wanted} is needed" if not given else f"{wanted}, but only one of them"))
    return given[0]


def check_format(text: str | None, type_: str | None) -> None:
    """Raises RuleError for a format that its type cannot use: dates need % codes, lists take a separator."""
    if text is None or type_ in ("list", None):
        return
    if type_ != "date":
        raise RuleError((("format",), f"a {type_} has no format; only a date and a list have one"))
    if "%" not in text:
        raise RuleError((("format",), f"{shown(text)} has no % codes; a date is described like %d/%m/%Y"))


def check_values(values: Mapping[str, Sequence[str]] | None, column: str | None, *, required: bool) -> None:
    """Raises RuleError unless each cell stands for one word, none is blank, and there is a column to read."""
    if values is None and required and column is not None:
        raise RuleError(((), "`values` is missing: which cells stand for which status"))
    if values is not None and column is None:
        raise RuleError((("values",), "`values` belongs to `column`, which is missing"))
    problems: list[Problem] = []
    if values is not None and not values:
        problems.append((("values",), "`values` lists nothing"))
    meaning: dict[str, str] = {}
    for word, cells in (values or {}).items():
        for position, cell in enumerate(cells):
            first = meaning.setdefault(cell_key(cell), word)
            if not cell.strip():
                problems.append((("values", word, position), "a blank cell cannot be listed: blank means no change"))
            elif first != word:
                problems.append((("values", word, position), f"{shown(cell)} is listed under {first} already"))
    if problems:
        raise RuleError(*problems)


def check_target(target: Target) -> None:
    """Raises RuleError unless the status comes from exactly one place."""
    if check_one_of(target, target.WAYS) == "channels":
        extra = [key for key in ("values", "silent", "at", "source") if getattr(target, key) is not None]
        if extra:
            raise RuleError(*(((key,), f"`{key}` belongs to each of the group's `channels`") for key in extra))
    check_values(target.values, target.column, required=True)
    listed = {cell_key(cell): status for status, cells in (target.values or {}).items() for cell in cells}
    silent = [(position, cell) for position, cell in enumerate(target.silent or ()) if cell_key(cell) in listed]
    if silent:
        raise RuleError(
            *((("silent", at), f"{shown(c)} is listed under {listed[cell_key(c)]} already") for at, c in silent)
        )
    if target.silent is not None and target.column is None:
        raise RuleError((("silent",), "`silent` belongs to `column`, which is missing"))
