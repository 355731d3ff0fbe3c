"""The report: what it says of each status, that its figures are the summary's, and that it leaks and loads nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.figures import duration, share
from pipeline.masking import mask
from pipeline.model import Column, Outcome, Reason, RunStatus
from pipeline.planning.guard_figure import GuardFigure
from pipeline.reporting.advice import ADVICE
from pipeline.reporting.summary import ModifiedCount, Rows, Summary
from pipeline.run_folder import Manifest
from pipeline.stages.report import Causes, Material, render, view_of
from pipeline.stages.report.changes import changes, kind_of
from pipeline.stages.report.page import segments
from pipeline.stages.report.traffic import MOST_BARS, MOST_SPANS, traffic_of
from pipeline.stages.report.view import Judgement, Kind, OutcomeRow, View

NOW = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
PLANTED = ("ann@example.com", "+12125550101", "C-1024", "O'Neill Ann")
LABELS = {"consent:SMS": "SMS", "attribute:Cell Phone": "Cell Phone"}
TRIPPED = GuardFigure(name="max_opt_out_share", limit=0.05, figure=0.31, says="31 of 100 opted out", tripped=True)
CALM = GuardFigure(name="max_reject_share", limit=0.1, figure=0.02, says="2 of 100 rejected", tripped=False)


def outcomes(*rows: tuple[int, str | None, str, str | None, str, list[tuple[str, str]]]) -> pl.DataFrame:
    """Rows of (record, identity, outcome, reason, message, withheld parts)."""
    return pl.DataFrame(
        {
            Column.RECORD: [row[0] for row in rows],
            Column.LINE: [row[0] + 1 for row in rows],
            Column.IDENTITY: [row[1] for row in rows],
            Column.OUTCOME: [row[2] for row in rows],
            Column.REASON: [row[3] for row in rows],
            Column.MESSAGE: [row[4] for row in rows],
            Column.WITHHELD: [[{"part": part, "reason": why} for part, why in row[5]] for row in rows],
        },
        schema_overrides={
            Column.IDENTITY: pl.String,
            Column.REASON: pl.String,
            Column.WITHHELD: pl.List(pl.Struct({"part": pl.String, "reason": pl.String})),
        },
    )


def gathered(*, show_addresses: bool = False) -> Causes:
    causes = Causes(LABELS, show_addresses=show_addresses)
    causes.add(
        outcomes(
            *[
                (
                    number,
                    identity,
                    "failed",
                    "refused_by_destination",
                    f"BAD_VALUE: no such {identity}",
                    [("attribute:Cell Phone", "phone_not_e164"), ("consent:SMS", "phone_not_e164")],
                )
                for number, identity in enumerate(PLANTED[:2], start=1)
            ],
            *[
                (number, identity, "held", "suppressed", f"{identity} is suppressed", [])
                for number, identity in enumerate(PLANTED[2:], start=3)
            ],
        )
    )
    return causes


def a_request(at: datetime = NOW, **more: Any) -> dict[str, Any]:
    return {"at": at, "seconds": 0.25, "status": 200, "verdict": "ok", "number": 1, "batch": 0, "shard": 0} | more


def material(
    status: RunStatus = RunStatus.COMPLETED,
    rows: dict[str, int] | None = None,
    *,
    of_manifest: dict[str, Any] | None = None,
    of_summary: dict[str, Any] | None = None,
    causes: Causes | None = None,
) -> Material:
    """A run of five updated records under the default home, unless told otherwise."""
    counts = Rows(**(rows or {"read": 5, "updated": 5}))
    manifest = {
        "run_id": "20261122T013000-crm",
        "status": str(status),
        "destination": "acoustic_connect",
        "account": "a-1",
        "audience": "Lakeside",
        "mapping": "maps/crm.yaml",
        "mapping_sha256": "a" * 64,
        "export": "/exports/contacts.csv",
        "export_sha256": "b" * 64,
        "shards": 1,
        "read": counts.read,
        "plan_hash": "78f6b2c8c580" + "0" * 52,
        "planned_at": NOW.isoformat(),
        "finished_at": (NOW + timedelta(minutes=3)).isoformat(),
        "items": 5,
        "batches": 1,
    }
    summary = {
        "run_id": "20261122T013000-crm",
        "destination": "acoustic_connect",
        "status": status,
        "plan_hash": manifest["plan_hash"],
        "balanced": counts.read == counts.settled,
        "rows": counts,
        "run_dir": ".consent-sync/runs/20261122T013000-crm",
    }
    return Material(
        Manifest.model_validate(manifest | (of_manifest or {})),
        Summary.model_validate(summary | (of_summary or {})),
        causes or Causes(LABELS),
        [a_request()],
        begun=status not in {RunStatus.PLANNED, RunStatus.STOPPED},
    )


def commands(view: View) -> list[str]:
    return [step.command for step in view.steps if step.command]


class Elements(HTMLParser):
    """Collects the tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_clean_run_says_so_and_asks_for_nothing() -> None:
    """A completed run has all its records at the destination, and nothing is to be done."""
    view = view_of(material())
    assert view.headline == "All 5 records are in Acoustic Connect."
    assert view.steps == ()
    page = Elements(render(view))
    assert "Completed" in page.text
    assert "Balanced:" in page.text


def test_a_partial_run_counts_what_needs_attention_and_names_the_files_to_correct() -> None:
    """Held, rejected, failed and unknown records need attention; each file to run again comes with its command."""
    rows = {"read": 5000, "created": 300, "updated": 4512, "superseded": 25, "held": 100, "failed": 62, "unknown": 1}
    view = view_of(material(RunStatus.PARTIAL, rows, of_summary={"withheld": {"phone_not_e164": 3}}))
    assert view.headline == "4,812 of 5,000 records are in Acoustic Connect; 163 need attention."
    folder = ".consent-sync/runs/20261122T013000-crm"
    assert commands(view) == [
        "consent-sync resume 20261122T013000-crm",
        f"consent-sync sync maps/crm.yaml --export {folder}/rejects.csv",
        f"consent-sync sync maps/crm.yaml --export {folder}/withheld.csv",
    ]


def test_a_plan_says_that_nothing_was_sent() -> None:
    """The same page for a plan speaks of what would happen, and has no files that only a run writes."""
    planned = {"transitions": {"EMAIL": {"OPT_IN->OPT_OUT": 4}}, "finished_at": None}
    view = view_of(material(RunStatus.PLANNED, of_manifest=planned))
    assert view.headline == "Nothing was sent yet. All 5 records would be in Acoustic Connect."
    assert commands(view) == ["consent-sync apply 20261122T013000-crm"]
    assert view.targets[0].count(Kind.OPT_OUT) == 4
    assert "rejects.csv" not in [file.name for file in view.files]
    text = Elements(render(view)).text
    assert "Plan only: nothing sent" in text
    assert "What would become of 5 records" in text


def test_a_run_that_its_guards_stopped_shows_the_plan_and_how_to_approve_it() -> None:
    """Tripped guards come first, and the command to approve the plan carries its hash."""
    stopped = {"guards": [CALM, TRIPPED], "transitions": {"EMAIL": {"OPT_IN->OPT_OUT": 31}}}
    rows, unsent = {"read": 100, "unknown": 100}, {"reasons": {"not_sent": 100}}
    view = view_of(material(RunStatus.STOPPED, rows, of_manifest=stopped, of_summary=unsent))
    assert view.headline == "Nothing was sent. 1 guard stopped the run: look at the plan first."
    assert commands(view) == ["consent-sync apply 20261122T013000-crm --approve 78f6b2c8c580"]
    assert [guard.judgement for guard in view.guards] == [Judgement.TRIPPED, Judgement.WITHIN]
    assert view.targets[0].count(Kind.OPT_OUT) == 31
    assert "resume" not in view.causes[0].advice


def test_an_approved_plan_is_not_shown_as_waiting() -> None:
    """Once something of the plan was begun, a tripped guard is an approved one, whatever stopped the run then."""
    stopped = material(RunStatus.STOPPED, {"read": 5, "updated": 2, "unknown": 3}, of_manifest={"guards": [TRIPPED]})
    view = view_of(replace(stopped, begun=True))
    assert view.headline == "Acoustic Connect refused the run. So far, 2 of 5 records are in Acoustic Connect."
    assert view.guards[0].judgement is Judgement.APPROVED
    assert commands(view) == ["consent-sync resume 20261122T013000-crm"]


def test_an_interrupted_run_is_resumed() -> None:
    """An interrupted run says how far it came; its command names the home where that is not the default one."""
    rows, elsewhere = {"read": 5, "unknown": 5}, {"run_dir": "/data/my runs/runs/20261122T013000-crm"}
    view = view_of(material(RunStatus.INTERRUPTED, rows, of_summary=elsewhere))
    assert view.headline == "The run was interrupted. So far, none of 5 records is in Acoustic Connect."
    assert commands(view) == ["consent-sync resume 20261122T013000-crm --home '/data/my runs'"]


def test_an_unbalanced_run_is_not_to_be_relied_on() -> None:
    """Where the outcomes do not add up, the page says that before anything else and offers no command."""
    view = view_of(material(RunStatus.PARTIAL, {"read": 5, "updated": 4}))
    assert "do not add up" in view.headline
    assert commands(view) == []
    assert "Not balanced:" in Elements(render(view)).text


def test_an_empty_export_is_a_page_too() -> None:
    """A run without records, requests, guards or changes can be drawn."""
    view = view_of(replace(material(RunStatus.STOPPED, {"read": 0}, of_manifest={"items": 0}), requests=[]))
    assert "holds no records" in view.headline
    assert "Read from the export" in Elements(render(view)).text


def test_every_outcome_is_shown_with_its_count() -> None:
    """The page has a row for each of the eight outcomes, also for those without records."""
    rows = {outcome.value: 1000 + n for n, outcome in enumerate(Outcome)}
    text = Elements(render(view_of(material(RunStatus.PARTIAL, rows | {"read": sum(rows.values())})))).text
    for outcome, count in rows.items():
        assert re.search(rf"{outcome.capitalize()}[^0-9]+{count:,}", text)


def test_reasons_come_with_their_advice_places_and_first_records() -> None:
    """A reason shows what it means, what to do, the parts or outcomes it is found in, and examples by record."""
    of_summary = {"reasons": {"refused_by_destination": 2, "suppressed": 2}, "withheld": {"phone_not_e164": 4}}
    causes = gathered()
    causes.add(outcomes(*[(n, f"C-{n}", "held", "suppressed", "", []) for n in (9, 8, 7, 2)]))
    view = view_of(material(RunStatus.PARTIAL, causes=causes, of_summary=of_summary))
    rows = {row.reason: row for row in view.causes}
    assert rows["phone_not_e164"].places == (("Cell Phone", 2), ("SMS", 2))
    assert rows["refused_by_destination"].places == (("failed with BAD_VALUE", 2),)
    assert rows["suppressed"].places == (("held", 6),)
    assert [example.record for example in rows["suppressed"].examples] == [2, 3, 4]
    assert (rows["suppressed"].meaning, rows["suppressed"].advice) == ADVICE[Reason.SUPPRESSED]


def test_no_address_and_no_message_is_on_the_page() -> None:
    """Planted identities, also those inside the destination's messages, are masked everywhere."""
    of_summary = {"reasons": {"refused_by_destination": 2, "suppressed": 2}, "withheld": {"phone_not_e164": 4}}
    page = render(view_of(material(RunStatus.PARTIAL, causes=gathered(), of_summary=of_summary)))
    assert "a••@e••••••.com" in page
    for planted in ("ann@", "example.com", "12125550101", "C-1024", "Neill", "no such"):
        assert planted not in page


def test_addresses_are_shown_where_asked_for() -> None:
    """With show_addresses the examples are as they are, and the page says that it must be kept safe."""
    of_summary = {"reasons": {"refused_by_destination": 2}}
    causes = gathered(show_addresses=True)
    text = Elements(render(view_of(material(RunStatus.PARTIAL, causes=causes, of_summary=of_summary)))).text
    assert "ann@example.com" in text
    assert "Identities are shown as they are" in text
    assert "no such" not in text


@given(st.one_of(st.emails(), st.text(max_size=80)))
def test_a_mask_shows_at_most_the_first_characters_and_the_domains_ending(identity: str) -> None:
    """Of what stands before and after the last `@`, no more than the first character and a short ending is left."""
    masked = mask(identity)
    local, _, domain = masked.rpartition("@")
    assert set(local[1:]) <= {"•"}
    assert set(domain[1:].partition(".")[0]) <= {"•"}
    assert len(domain.partition(".")[2]) <= 4
    assert len(masked) <= 70
    assert masked != identity or set(identity) <= set("•@")


HOSTILE = '</style><script>alert("1")</script><img src=https://example.com/x onerror=alert(1)>'


def hostile_page() -> str:
    of_manifest = {
        "audience": HOSTILE,
        "export": f"/exports/{HOSTILE}",
        "mapping": HOSTILE,
        "account": HOSTILE,
        "transitions": {HOSTILE: {f"{HOSTILE}->OPT_OUT": 2}},
        "guards": [TRIPPED.model_copy(update={"says": HOSTILE, "name": HOSTILE})],
    }
    of_summary = {
        "reasons": {HOSTILE: 1},
        "withheld": {"phone_not_e164": 1},
        "transitions": {HOSTILE: {f"{HOSTILE}->OPT_OUT": 1}},
        "destination": HOSTILE,
        "run_dir": f"{HOSTILE}/runs/x",
    }
    causes = Causes({"consent:SMS": HOSTILE}, show_addresses=True)
    causes.add(outcomes((1, HOSTILE, "failed", HOSTILE, HOSTILE, [("consent:SMS", "phone_not_e164")])))
    hostile = material(
        RunStatus.PARTIAL, {"read": 1, "failed": 1}, of_manifest=of_manifest, of_summary=of_summary, causes=causes
    )
    return render(view_of(replace(hostile, requests=[a_request(verdict=HOSTILE) for _ in range(20)])))


def test_what_comes_from_outside_is_escaped() -> None:
    """Names, reasons, verdicts, paths and identities that are markup appear as text, and make no element."""
    page = Elements(hostile_page())
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(HOSTILE) >= 8


def test_the_page_loads_nothing() -> None:
    """No element refers to anything but the files beside the page, and the policy forbids everything but its style."""
    page = Elements(hostile_page())
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a) or ""
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not any("src" in attributes or "style" in attributes for _, attributes in page.tags)
    assert {a["href"] for tag, a in page.tags if "href" in a} <= {file.name for file in view_of(material()).files}
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", hostile_page())


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("OPT_IN", "OPT_OUT", Kind.OPT_OUT),
        ("UNSET", "OPT_OUT", Kind.OPT_OUT),
        ("UNSET", "OPT_IN", Kind.OPT_IN),
        ("CLEAR", "OPT_IN_UNVERIFIED", Kind.OPT_IN),
        ("OPT_IN_UNVERIFIED", "OPT_IN", Kind.OPT_IN),
        ("OPT_OUT", "OPT_IN", Kind.RESUBSCRIPTION),
        ("OPT_OUT", "OPT_IN_UNVERIFIED", Kind.RESUBSCRIPTION),
        ("OPT_IN", "OPT_IN_UNVERIFIED", Kind.OTHER),
        ("OPT_OUT", "CLEAR", Kind.OTHER),
        ("OPT_IN", "OPT_IN", Kind.SAME),
    ],
)
def test_a_transition_is_named_by_what_it_is_to_the_person(before: str, after: str, kind: Kind) -> None:
    """Lifting an opt-out is a re-subscription, never a plain opt-in."""
    assert kind_of(before, after) is kind


def test_planned_changes_that_did_not_take_effect_are_shown() -> None:
    """A transition of the plan stays on the page with the number that took effect, be it none."""
    (email,) = changes({"EMAIL": {"UNSET->OPT_IN": 2}}, {"EMAIL": {"UNSET->OPT_IN": 3, "OPT_IN->OPT_OUT": 1}})
    assert [(c.before, c.count, c.planned) for c in email.changes] == [("OPT_IN", 0, 1), ("UNSET", 2, 3)]


COUNTS = st.lists(st.integers(0, 2_000_000), min_size=len(Outcome), max_size=len(Outcome))


@given(COUNTS)
def test_the_bar_is_full_and_shows_every_outcome_that_occurred(counts: list[int]) -> None:
    """Segments lie side by side from 0 to 100 percent, and a single record among millions has one too."""
    rows = [OutcomeRow(outcome, count, "") for outcome, count in zip(Outcome, counts, strict=True)]
    drawn = segments(rows, sum(counts))
    assert [row for row, _, _ in drawn] == [row for row in rows if row.count]
    edge = 0.0
    for _, left, width in drawn:
        assert left == pytest.approx(edge)
        assert width > 0.5
        edge = left + width
    assert not drawn or edge == pytest.approx(100)


REQUESTS = st.lists(
    st.tuples(st.integers(0, 3_000_000), st.integers(1, 4), st.floats(0, 100)).map(
        lambda r: a_request(NOW + timedelta(seconds=r[0]), number=r[1], seconds=r[2])
    ),
    max_size=60,
)


@given(REQUESTS)
def test_every_request_is_in_one_bar(requests: list[dict[str, Any]]) -> None:
    """Bars count each request once, as first attempt or retry, and there are never too many of them."""
    traffic = traffic_of(requests)
    bars = [bar for span in traffic.spans for bar in span.bars]
    assert sum(bar.first + bar.retries for bar in bars) == traffic.sent == len(requests)
    assert sum(bar.retries for bar in bars) == traffic.retried
    assert len(traffic.spans) <= MOST_SPANS
    assert all(len(span.bars) <= MOST_BARS for span in traffic.spans)
    assert max((bar.slowest_seconds for bar in bars), default=0.0) == traffic.slowest_seconds


def test_a_run_resumed_on_the_next_day_has_two_stretches() -> None:
    """A long pause cuts the chart; times that the ledger gives without a zone are in UTC."""
    naive = NOW.replace(tzinfo=None)
    traffic = traffic_of(
        [a_request(naive), a_request(naive + timedelta(seconds=5)), a_request(naive + timedelta(days=1))]
    )
    assert [span.bars[0].at for span in traffic.spans] == [NOW, NOW + timedelta(days=1)]


def test_answers_are_counted_by_status_and_judgement() -> None:
    """A request without an answer has no status; the most frequent answer comes first."""
    requests = [a_request(), a_request(), a_request(status=None, verdict="retry")]
    answers = [(answer.status, answer.count) for answer in traffic_of(requests).answers]
    assert answers == [(200, 2), (None, 1)]


def test_differing_counts_are_said() -> None:
    """Where the destination reports fewer contacts than were sent, the page says so with both figures."""
    differ = {"modified_count": ModifiedCount(expected=900345, reported=900341)}
    text = Elements(render(view_of(material(of_summary=differ)))).text
    assert re.search(r"Counts differ:.*900,345.*900,341", text, re.DOTALL)


def test_a_large_run_is_a_small_page() -> None:
    """A million records, forty groups and ten thousand requests stay under 300 KB."""
    labels = [f"Group {n} with a name of some length, as marketing people like them/EMAIL" for n in range(40)]
    steps = ("OPT_IN->OPT_OUT", "UNSET->OPT_IN", "OPT_OUT->OPT_IN", "UNSET->OPT_OUT", "OPT_IN->CLEAR")
    plan = {label: dict.fromkeys(steps, 1_000) for label in labels}
    everything = {"reasons": dict.fromkeys(map(str, Reason), 1_000), "withheld": dict.fromkeys(map(str, Reason), 2)}
    large = material(
        RunStatus.PARTIAL,
        {"read": 1_000_000, "updated": 999_999, "failed": 1},
        of_manifest={"transitions": plan, "guards": [TRIPPED, CALM]},
        of_summary={**everything, "transitions": plan},
        causes=gathered(),
    )
    requests = [a_request(NOW + timedelta(seconds=n), number=1 + n % 2) for n in range(10_000)]
    page = render(view_of(replace(large, requests=requests)))
    assert len(page.encode()) < 300_000
    assert ">99.9%" in Elements(page).text


@pytest.mark.parametrize(
    ("count", "whole", "said"),
    [
        (0, 0, "0%"),
        (0, 9, "0%"),
        (9, 9, "100%"),
        (1, 1_000_000, "<0.1%"),
        (999_999, 1_000_000, ">99.9%"),
        (1, 3, "33.3%"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_to_all(count: int, whole: int, said: str) -> None:
    """A single failed record in a million is seen in its share."""
    assert share(count, whole) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "40 ms"),
        (1, "1 s"),
        (1.44, "1.4 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_is_written_in_the_unit_that_fits(seconds: float, said: str) -> None:
    """Durations have at most two units."""
    assert duration(seconds) == said
