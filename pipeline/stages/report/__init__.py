"""Stage `report`: what a run came to -> one self-contained page that a marketing manager understands at a glance.

    view        View: what the page shows
    collect     manifest, summary, causes and requests -> View
    headline    the sentence at the top, and what to do next
    changes     consent transitions as opt-outs, opt-ins and re-subscriptions
    causes      why records and parts were not sent, with masked examples
    opt_out_clock  how long opt-outs have waited
    traffic     requests over time
    page        View -> HTML, by page.html.j2 and page.css

The page loads nothing and runs no script. It shows no message of the destination: messages may hold addresses.
"""

from __future__ import annotations

from pipeline.stages.report.causes import Causes
from pipeline.stages.report.collect import Material, view_of
from pipeline.stages.report.headline import next_steps
from pipeline.stages.report.page import render

__all__ = ["Causes", "Material", "next_steps", "render", "view_of"]
