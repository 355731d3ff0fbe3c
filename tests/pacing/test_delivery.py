"""Rate limits and slow answers in whole runs, against the sandbox."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.ledger.ledger import Ledger
from tests.delivery.world import contacts_of, rows_of
from tests.faults.processes import start

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]

UPDATES: dict[str, Any] = {"operation": "updateContacts"}


def paced(mapping: Path, **delivery: Any) -> Path:
    """The mapping with more under `delivery`, and pages of one contact."""
    more = "".join(f", {name}: {value}" for name, value in delivery.items())
    text = mapping.read_text("utf-8").replace("concurrency: 2}", f"concurrency: 2{more}}}")
    mapping.write_text(text.replace("options: {", "options: {read_page_size: 1, "), "utf-8")
    return mapping


def test_two_processes_share_one_allowance(world: World) -> None:
    """Two audits at once, of one home: together they keep to the pace that the mapping names."""
    world.seed(contacts_of(40))
    mapping = paced(world.mapping(concurrency=2), requests_per_second=20)
    export = world.export(rows_of(40))
    environment = {**world.sandbox.environment, "CONSENT_SYNC_HOME": str(world.home)}
    arguments = ("verify", str(mapping), "--export", str(export))
    children = [start(world.path / name, environment, *arguments) for name in ("one", "other")]
    assert [child.wait() for child in children] == [3, 3], children[0].err + children[1].err
    times = sorted(datetime.fromisoformat(entry.time).timestamp() for entry in world.sandbox.requests())
    assert len(times) == 82
    # Each for itself would need half of the time; a turn may be used a second late.
    assert times[-1] - times[0] >= 81 / 20 - 1


def test_a_destination_that_is_too_slow_is_asked_for_less(world: World) -> None:
    """Time-outs halve rows and requests in flight; the plan's batches stay, all arrives, and the report says so."""
    world.seed(contacts_of(40))
    world.faults([{"fault": "gateway_timeout", "write": True, "nth": [1, 2, 3]} | UPDATES])
    result = world.sync(world.mapping(batch_size=20, concurrency=4), world.export(rows_of(40)))
    assert (result.exit_code, result.summary.rows.updated) == (0, 40)
    said = result.summary.requests
    assert (said.lowest_in_flight, said.lowest_rows_per_request) == (1, 5)
    assert max(entry.rows for entry in world.mutations()[-2:]) <= 5
    ledger = Ledger.at(world.home, None)
    assert len(ledger.batches(result.summary.run_id)) == 2
    ledger.close()
    again = world.report(result.summary.run_id).summary
    assert again.requests == said
    page = (world.folder(result) / "report.html").read_text("utf-8")
    assert "down to 1 at a time; down to 5 rows in a request" in page
    document = json.loads((world.folder(result) / "summary.json").read_text("utf-8"))
    assert document["requests"]["lowest_rows_per_request"] == 5


def test_nobody_is_created_twice_when_batches_are_sent_in_parts(world: World) -> None:
    """A creation that timed out is looked up before the rest goes on in smaller requests."""
    world.faults([{"fault": "gateway_timeout", "write": True, "nth": [1, 3], "operation": "createContacts"}])
    result = world.sync(world.mapping(mode="create", batch_size=16), world.export(rows_of(48)))
    assert (result.exit_code, result.summary.rows.created) == (0, 48)
    assert result.summary.requests.lowest_rows_per_request is not None
    assert set(map(len, world.stored().values())) == {1}
    assert set(world.applied().values()) == {1}


def test_what_is_too_large_is_sent_in_smaller_requests(world: World) -> None:
    """A 413 halves the rows, for the batches that follow too."""
    world.seed(contacts_of(80), max_body_bytes=3000)
    result = world.sync(world.mapping(batch_size=40), world.export(rows_of(80)))
    assert (result.exit_code, result.summary.rows.updated) == (0, 80)
    rows = result.summary.requests.lowest_rows_per_request
    assert rows is not None
    assert rows < 20
    refused = [entry.status == 413 for entry in world.mutations()]
    assert not any(refused[-3:])


def test_a_throttled_run_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """How many requests were throttled, and how long turns were waited for: JSON, page and console."""
    from pipeline.console import show

    world.seed(contacts_of(6))
    world.faults([{"fault": "throttle", "nth": [2], "retry_after": 1.2} | UPDATES])
    result = world.sync(world.mapping(batch_size=1, concurrency=2), world.export(rows_of(6)))
    said = result.summary.requests
    assert (result.exit_code, said.throttled) == (0, 1)
    assert said.waited_seconds > 0.5
    assert "1 request throttled; 1." in (world.folder(result) / "report.html").read_text("utf-8")
    show(result, to_stderr=False)
    assert "1 request throttled" in capsys.readouterr().out
    assert world.report(result.summary.run_id).summary.requests == said


def test_the_sandbox_counts_as_its_clock_goes(world: World) -> None:
    """A gateway that lets three requests in a minute through throttles the fourth, and says when there is room."""
    import httpx

    world.seed(contacts_of(1), requests_per_minute=3, retry_after="seconds")
    headers = {"x-api-key": "sandbox-key"}
    answers = [httpx.post(world.sandbox.url, headers=headers, json={"query": "{__typename}"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 60
