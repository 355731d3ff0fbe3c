"""The figures of a benchmark with their ratios: as JSON, and as a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FLOOR: Final = "floor"
PRODUCT: Final = "product"
MEASURES: Final = ("clock", "cpu")
HEADER: Final = (
    "records",
    "task",
    "contestant",
    "seconds",
    "rows/s",
    "CPU s",
    "peak MB",
    "x floor",
    "x floor (CPU)",
    "x product",
    "x product (CPU)",
)
TEXTS: Final = (1, 2)
"""Columns of words; the others are of numbers."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The best round of a case."""

    case: str
    task: str
    contestant: str
    records: int
    """Of the export, whether they were sent or not."""
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    rows_received: int
    requests_received: int
    sink_cpu_seconds: float
    """What the sink took from the same processors."""
    load: float
    """The machine's load average when the round began: above the number of its processors, others were at work."""

    @property
    def rows_per_second(self) -> float:
        """Records of the export by wall time."""
        return self.records / self.seconds


def best(rounds: Iterable[Figure]) -> list[Figure]:
    """The fastest round of each case, in the order of the first round."""
    fastest: dict[tuple[int, str], Figure] = {}
    for figure in rounds:
        key = (figure.records, figure.case)
        if key not in fastest or figure.seconds < fastest[key].seconds:
            fastest[key] = figure
    return list(fastest.values())


def ratios(figure: Figure, contestant: str, figures: Sequence[Figure]) -> tuple[float | None, float | None]:
    """How many times the seconds of that contestant at the same task: by the clock, and of the processors.

    None for itself, or where it was not measured.
    """
    same = (figure.records, figure.task, contestant)
    other = next((f for f in figures if (f.records, f.task, f.contestant) == same), None)
    if other is None or other is figure:
        return None, None
    return figure.seconds / other.seconds, figure.cpu_seconds / other.cpu_seconds


def document(figures: Sequence[Figure], about: dict[str, Any]) -> dict[str, Any]:
    """All figures, their ratios, and what they were measured on."""
    rows = [
        {
            **asdict(figure),
            "rows_per_second": round(figure.rows_per_second),
            "times_floor": dict(zip(MEASURES, ratios(figure, FLOOR, figures), strict=True)),
            "times_product": dict(zip(MEASURES, ratios(figure, PRODUCT, figures), strict=True)),
        }
        for figure in figures
    ]
    return {"about": about, "figures": rows}


def markdown(figures: Sequence[Figure]) -> str:
    """A table for people and for the README; columns are padded, so that it reads well as plain text too."""
    rows = [HEADER, *(_cells(figure, figures) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    rule = tuple("-" * width if column in TEXTS else "-" * (width - 1) + ":" for column, width in enumerate(widths))
    lines = ["| " + " | ".join(_padded(row, widths)) + " |" for row in (HEADER, rule, *rows[1:])]
    return "\n".join(lines) + "\n"


def _cells(figure: Figure, figures: Sequence[Figure]) -> tuple[str, ...]:
    times = [value for contestant in (FLOOR, PRODUCT) for value in ratios(figure, contestant, figures)]
    return (
        f"{figure.records:,}",
        figure.task,
        figure.contestant,
        f"{figure.seconds:.1f}",
        f"{figure.rows_per_second:,.0f}",
        f"{figure.cpu_seconds:.1f}",
        f"{figure.peak_bytes / 1e6:,.0f}",
        *("" if value is None else f"{value:.2f}" for value in times),
    )


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [c.ljust(w) if n in TEXTS else c.rjust(w) for n, (c, w) in enumerate(zip(cells, widths, strict=True))]
