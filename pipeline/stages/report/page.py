"""Draws the page: a pure function of its View. The template draws the charts as SVG, so the page runs no script."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline import figures
from pipeline.stages.report.view import Judgement, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.stages.report.view import OutcomeRow, Span, View

NARROWEST_PERCENT: Final = 0.8
"""A segment of the bar is drawn at least so wide, so that a single record is seen."""
FEW_TARGETS: Final = 8
"""With more targets than these the page shows a table of totals, and the single transitions folded away."""
FEW_REQUESTS: Final = 12
"""Fewer requests than these need no chart."""
LEAST_BARS: Final = 12
"""The time axis is at least so many bars long, so that a bar is never a block."""
TEMPLATE: Final = "page.html.j2"
STYLE: Final = "page.css"
_QUOTED: Final = re.compile(r"`([^`]+)`")


def render(view: View) -> str:
    """The page as HTML: self-contained, everything escaped, and forbidden by its policy to load or run anything."""
    environment = _environment()
    style = Markup(_style())  # noqa: S704 - the package's own file
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(TEMPLATE).render(
        view=view,
        style=style,
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        segments=segments(view.outcomes, view.settled),
        most_changes=max((c.count for t in view.targets for c in t.changes), default=0),
        few_requests=FEW_REQUESTS,
        least_bars=LEAST_BARS,
        few_targets=len(view.targets) <= FEW_TARGETS,
    )


def segments(outcomes: Sequence[OutcomeRow], whole: int) -> list[tuple[OutcomeRow, float, float]]:
    """(row, left edge, width) of the bar's parts, in percent; outcomes without records are left out."""
    shown = [row for row in outcomes if row.count]
    widths = [max(100 * row.count / whole, NARROWEST_PERCENT) for row in shown]
    scale = 100 / sum(widths) if widths else 0.0
    return [(row, scale * sum(widths[:n]), scale * widths[n]) for n, row in enumerate(shown)]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": "{:,}".format,
        "percent": "{:.3f}%".format,
        "duration": figures.duration,
        "prose": _prose,
        "ticks": _ticks,
    }
    environment.globals |= {"share": figures.share, "counted": figures.counted, "Kind": Kind, "Judgement": Judgement}
    return environment


@cache
def _style() -> str:
    return (Path(__file__).parent / STYLE).read_text(encoding="utf-8")


def _prose(text: str) -> Markup:
    """Text with `quoted` words as code."""
    return Markup(_QUOTED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def _ticks(span: Span, dated: bool) -> tuple[str, str]:
    """The times at the beginning and the end of a stretch, with their dates where asked for or where they differ."""
    first = span.bars[0].at
    end = first + timedelta(seconds=span.step_seconds * max(len(span.bars), LEAST_BARS))
    form = "%H:%M:%S" if span.step_seconds < 60 else "%H:%M"
    if dated or first.date() != end.date():
        form = f"%d %b {form}"
    return (f"{first:{form}}", f"{end:{form}} UTC")
