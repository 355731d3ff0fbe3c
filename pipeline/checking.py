"""The `check` command: a mapping alone, against an export's header and values, and against the audience."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pipeline import mapping_file as mf
from pipeline import suppression
from pipeline.figures import counted
from pipeline.mapping.options import require_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.mapping_file import MappingFile


LONGEST_WORD = 20
FEWEST_DIGITS = 5
SHOWN_VALUES: Final = 10
KEPT_VALUES: Final = 10_000
"""Of a column so many unlisted values are told apart: one that holds something else than consents has millions."""
OTHERS: Final = "others"


@dataclass(slots=True)
class Checked:
    """What was looked at, and what would be withheld or rejected; a mapping that is wrong raises instead."""

    mapping: str
    looked_at: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0: nothing to say, 3: the export has values that would not be sent."""
        return 3 if self.warnings else 0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"mapping": self.mapping, "looked_at": self.looked_at, "warnings": self.warnings}

    def lines(self) -> Iterator[str]:
        """For people."""
        yield from (f"ok: {what}" for what in self.looked_at)
        yield from (f"note: {warning}" for warning in self.warnings)


def check(mapping: Path, export: Path | None, *, online: Context | None = None) -> Checked:
    """`online`: the world in which the audience is asked. Raises UsageError or DestinationError for what is wrong."""
    file = mf.load(mapping)
    require_options(file)
    checked = Checked(str(mapping), [f"{mapping}: {len(file.mapping.columns())} columns are mapped"])
    if file.mapping.policy.suppression:
        checked.looked_at += [facts.line() for facts in suppression.load(file, datetime.now(UTC)).facts]
    if export is not None:
        _against_export(file, export, checked)
    if online is not None:
        _against_audience(file, checked, online)
    return checked


def _against_export(file: MappingFile, path: Path, checked: Checked) -> None:
    from pipeline.subject import export_of

    export = export_of(file, path)
    checked.looked_at.append(f"{path}: every one of its {len(export.header)} columns is mapped or ignored")
    blank = {value.strip() for value in file.mapping.source.null_values} | {""}
    listed = {
        target.column: {mf.cell_key(cell) for cells in (*target.values.values(), target.silent or ()) for cell in cells}
        for _, _, target in (file.mapping.consent.targets() if file.mapping.consent else ())
        if target.column is not None and target.values is not None
    }
    unlisted: dict[str, Counter[str]] = {column: Counter() for column in listed}
    read = malformed = 0
    for chunk in export.chunks():
        read += chunk.records.height + chunk.malformed.height
        malformed += chunk.malformed.height
        for column, cells in listed.items():
            for value, count in chunk.records.get_column(column).str.strip_chars().value_counts().iter_rows():
                if (value or "") not in blank and value.lower() not in cells:
                    found, said = unlisted[column], _said(value)
                    found[said if said in found or len(found) < KEPT_VALUES else OTHERS] += count
    checked.looked_at.append(f"{path}: {counted(read, 'record')}")
    if malformed:
        are = "is" if malformed == 1 else "are"
        checked.warnings.append(f"{counted(malformed, 'record')} {are} malformed and would be rejected")
    for column, values in unlisted.items():
        for said, count in values.most_common(SHOWN_VALUES):
            checked.warnings.append(f"column '{column}': {count:,} cells are {said}, which `values` does not list")


def _said(cell: str) -> str:
    return f"{cell!r}" if _is_a_word(cell) else f"text of {len(cell)} characters"


def _is_a_word(cell: str) -> bool:
    """Whether a cell may be shown: a column that is mapped by mistake may hold addresses, names or numbers."""
    return len(cell) <= LONGEST_WORD and "@" not in cell and sum(letter.isdigit() for letter in cell) < FEWEST_DIGITS


def _against_audience(file: MappingFile, checked: Checked, context: Context) -> None:
    from pipeline.pacing.book import desk_if_there
    from pipeline.session import connect
    from pipeline.subject import bound, destination_of

    destination = destination_of(file, context.settings)
    with (
        desk_if_there(context, file) as desk,
        connect(destination, file.mapping.delivery, context.stop, context.patience, desk) as session,
    ):
        job, audience = bound(file, session)
    names = [target.label for target in job.targets]
    checked.looked_at.append(
        f"audience '{audience.name}': {len(job.attributes)} attributes and {', '.join(names) or 'no consent'} are there"
    )
