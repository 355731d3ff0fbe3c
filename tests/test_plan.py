"""The plan as a document: one summary, shown on the terminal, in report.html, in the JSON and in the artifact."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from flows.artifact import markdown
from pipeline.destinations.foretelling import Foretold
from pipeline.destinations.interface import Limits
from pipeline.mapping_file import Delivery
from pipeline.planning.forecast import Forecast, forecast
from tests.delivery.world import contact_of, contacts_of, row_of, rows_of

if TYPE_CHECKING:
    from pipeline.carried_out import Result
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def planned(world: World) -> Result:
    """A plan with opt-outs, opt-ins, a re-subscription, and a rejected record; one guard trips."""
    world.seed([contact_of(n, channels={"EMAIL": "OPT_IN"}) for n in range(1, 21)])
    mapping = world.mapping(batch_size=5)
    world.sync(mapping, world.export([row_of(1, email_opt_in="N")]))
    mapping.write_text(mapping.read_text().replace("row_count_change: 1000", "row_count_change: null, max_opt_outs: 5"))
    back = row_of(1, at="2026-03-04T05:06:07Z", src="store form")
    rows = [back, *(row_of(n, email_opt_in="N") for n in range(2, 9)), row_of(9), row_of(10, contact_id="")]
    return world.plan(mapping, world.export(rows))


def texts_of(world: World, result: Result, command: Commands) -> dict[str, str]:
    """The plan as each of its readers sees it."""
    shown = command("report", result.summary.run_id)
    folder = world.folder(result)
    return {
        "terminal": shown.out,
        "page": re.sub(r"<[^>]+>", " ", (folder / "report.html").read_text("utf-8")),
        "JSON": (folder / "summary.json").read_text("utf-8"),
        "artifact": markdown(result),
    }


def test_every_reader_of_a_plan_is_shown_the_same(world: World, command: Commands) -> None:
    """Transitions with samples, guards with figures, requests to come, the plan hash and the next command."""
    result = planned(world)
    summary = result.summary
    texts = texts_of(world, result, command)
    assert summary.next == [
        f"consent-sync apply {summary.run_id} --approve {summary.plan_hash[:12]} --home {world.home}"
    ]
    for reader, text in texts.items():
        for word in (
            "max_opt_outs",
            "7 contacts would be opted out",
            "updateContacts",
            summary.plan_hash,
            summary.next[0],
        ):
            assert word in text, (reader, word)
        assert "C•••••" in text, reader
        assert "C-0002" not in text, reader
    document = json.loads(texts["JSON"])
    assert document["planned_transitions"]["EMAIL"] == {
        "OPT_IN->OPT_OUT": 7, "OPT_IN->OPT_IN": 1, "OPT_OUT->OPT_IN": 1
    }  # fmt: skip
    assert [sample["record"] for sample in document["samples"]["EMAIL"]["OPT_IN->OPT_OUT"]] == [2, 3, 4]
    assert document["requests_to_come"]["kinds"] == {"updateContacts": 3}
    assert document["requests_to_come"]["contacts"] == 9
    assert [guard["name"] for guard in document["guards"] if guard["tripped"]] == ["max_opt_outs"]


def test_a_plan_shows_addresses_only_where_asked(world: World, command: Commands) -> None:
    """`--show-addresses` shows identities on the terminal and in the page; the next report masks them again."""
    world.seed(contacts_of(2))
    mapping, export = world.mapping(), world.export(rows_of(2))
    shown = command("plan", mapping, "--export", export, "--show-addresses")
    assert "record 1 (C-0001)" in shown.out
    run_id = next((world.home / "runs").iterdir()).name
    page = world.folder(run_id) / "report.html"
    assert "C-0001" in page.read_text("utf-8")
    command("report", run_id)
    assert "C-0001" not in page.read_text("utf-8")


def test_resubscriptions_stand_apart_with_their_evidence(world: World) -> None:
    """Count per target, and samples with time, source and what it was before; of a run, those that took effect."""
    result = planned(world)
    found = result.summary.resubscriptions["EMAIL"]
    assert found.contacts == 1
    [sample] = found.samples
    assert (sample.record, sample.before, sample.after, sample.source) == (1, "OPT_OUT", "OPT_IN", "store form")
    assert f"{sample.at:%Y-%m-%d %H:%M}" == "2026-03-04 05:06"
    page = (world.folder(result) / "report.html").read_text("utf-8")
    assert "4 March 2026, 05:06 UTC" in page
    done = world.apply(result.summary.run_id, approve=result.summary.plan_hash)
    assert done.summary.resubscriptions == result.summary.resubscriptions
    assert done.summary.requests_to_come is None
    assert "Number of opt-outs" in (world.folder(result) / "report.html").read_text("utf-8")


def test_a_source_that_names_somebody_is_masked(world: World) -> None:
    """A source is shown in its words, but for an address or a number in it."""
    world.seed([contact_of(1, channels={"EMAIL": "OPT_IN"})])
    mapping = world.mapping()
    world.sync(mapping, world.export([row_of(1, email_opt_in="N")]))
    back = row_of(1, at="2026-03-04T05:06:07Z", src="call from ann@example.com")
    [sample] = world.plan(mapping, world.export([back])).summary.resubscriptions["EMAIL"].samples
    assert sample.source == "call from a••@e••••••.com"


LIMITS = Limits(100, 1 << 20, 100, 30, 1)
PACES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], float, str]] = {
    "as fast as it answers": ({"concurrency": 4}, {}, {"requests": {"w": 40}}, 5.0, "4 at a time and 0.5 s"),
    "fewer batches than threads": ({"concurrency": 64}, {}, {"requests": {"w": 20}}, 1.0, "10 at a time"),
    "the mapping's pace": ({"requests_per_second": 2}, {"requests_per_minute": 5}, {"requests": {"w": 41}}, 20.0, "2"),
    "the destination's pace": ({}, {"requests_per_second": 1}, {"requests": {"w": 41}}, 40.0, "destination's pace"),
    "a minute's worth at once": ({}, {"requests_per_minute": 40}, {"requests": {"w": 40}}, 5.0, "at a time"),
    "more than a minute's worth": ({}, {"requests_per_minute": 40}, {"requests": {"w": 41}}, 60.0, "a minute"),
    "waiting for batches": ({}, {}, {"requests": {"w": 4}, "waiting_seconds": 38.0}, 10.0, "waiting for batches"),
    "looks count too": ({}, {"requests_per_second": 1}, {"requests": {"w": 5}, "looks": 6}, 10.0, "pace"),
}  # fmt: skip


@pytest.mark.parametrize("case", PACES.values(), ids=PACES)
def test_the_time_is_estimated_by_what_binds(
    case: tuple[dict[str, Any], dict[str, Any], dict[str, Any], float, str],
) -> None:
    """The slowest of answers, pace and limit, with its basis said."""
    delivery, limits, foretold, seconds, basis = case
    more = {name: getattr(LIMITS, name) for name in LIMITS.__slots__} | limits
    found = forecast(Foretold(**foretold), (100, 10), Delivery(**delivery), Limits(**more), [0.5])
    assert (found.seconds, basis in found.basis) == (seconds, True), found.basis


def test_nothing_to_send_takes_no_time() -> None:
    """A plan without items foretells no request."""
    assert forecast(Foretold(), (0, 0), Delivery(), LIMITS, []) == Forecast()
