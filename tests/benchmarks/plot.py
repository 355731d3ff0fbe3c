"""The figures as a drawing: bars by task and size, as long as the seconds they took."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final

from .results import PRODUCT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .results import Figure

WIDTH, LABEL, BAR, ROW, GAP = 860, 190, 470, 20, 34
INK, OURS, THEIRS, PAPER = "#24292f", "#2f6f9f", "#b8bfc7", "#ffffff"
STYLE: Final = f"font: 12px system-ui, sans-serif; fill: {INK}"


def svg(figures: Sequence[Figure]) -> str:
    """A drawing of its own: no script, no font, no address but that of the format."""
    groups = [(key, list(some)) for key, some in groupby(figures, lambda f: (f.records, f.task))]
    height = sum(GAP + ROW * len(some) for _, some in groups) + 16
    parts, top = [f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>'], 0
    for (records, task), some in groups:
        parts.append(_text(12, top + 24, f"{task}, {records:,} records", "font-weight: 600"))
        longest = max(figure.seconds for figure in some)
        for number, figure in enumerate(some):
            parts += _bar(figure, top + GAP + ROW * number, longest)
        top += GAP + ROW * len(some)
    inside = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}">\n{inside}\n</svg>\n'


def _bar(figure: Figure, top: int, longest: float) -> list[str]:
    length, colour = max(1.0, BAR * figure.seconds / longest), OURS if figure.contestant == PRODUCT else THEIRS
    said = f"{figure.seconds:.1f} s, {figure.peak_bytes / 1e6:,.0f} MB"
    return [
        _text(12, top + 13, figure.contestant),
        f'<rect x="{LABEL}" y="{top + 2}" width="{length:.1f}" height="{ROW - 6}" fill="{colour}"/>',
        _text(LABEL + length + 6, top + 13, said),
    ]


def _text(left: float, top: float, text: str, style: str = "") -> str:
    return f'<text x="{left:.1f}" y="{top}" style="{STYLE}; {style}">{escape(text)}</text>'
