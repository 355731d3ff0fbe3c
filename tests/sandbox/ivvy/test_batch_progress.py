"""Batches as time goes on: progress, stalling, restarting and expiring."""

from __future__ import annotations

from typing import Any

import pytest

from .client import Client, by_id, job, last_entry, seed, stored


def progress(client: Client, async_id: str) -> Any:
    """Percent, as the answer has it."""
    return client.batch("progress", **by_id(async_id))["progress"]


@pytest.mark.rule("IV-14")
def test_a_batch_takes_its_time(client: Client) -> None:
    """Its jobs take effect evenly over the time set; results are refused until the last."""
    client.settings(batch_seconds=10)
    async_id = client.run(*[job(id=contact_id, phone="new") for contact_id in (1, 2, 3, 4)])
    assert last_entry(client).write_applied is False
    seen = []
    for seconds in (0, 2.4, 0.2, 5, 2.3):
        client.clock.now += seconds
        done = [contact["phone"] for contact in client.contacts()].count("new")
        seen.append((progress(client, async_id), done))
    assert seen == [(0, 0), (0, 0), (25, 1), (75, 3), (75, 3)]
    response = client.post("batch", "results", **by_id(async_id))
    assert (response.status_code, response.json()) == (
        400,
        {"errorCode": 400, "message": "Batch job not completed", "specificCode": 24114},
    )
    client.clock.now += 0.1
    assert progress(client, async_id) == 100
    assert client.responses(async_id) == [{"success": True, "id": at} for at in (1, 2, 3, 4)]


@pytest.mark.rule("IV-14")
def test_a_batch_waits_in_a_queue(client: Client) -> None:
    """Nothing happens for as long as the switch says; then the jobs begin."""
    client.settings(batch_queue_seconds=30, batch_seconds=10)
    async_id = client.run(job(id=1, status=2), job(id=2, status=5))
    client.clock.now += 34
    assert progress(client, async_id) == 0
    client.clock.now += 1
    assert (progress(client, async_id), client.status(1), client.status(2)) == (50, 2, 2)
    client.clock.now += 5
    assert (progress(client, async_id), client.status(2)) == (100, 5)


@pytest.mark.rule("IV-14")
def test_progress_in_steps(client: Client) -> None:
    """It is told in steps of the size set, and 100 only when all is done."""
    client.settings(batch_seconds=8, batch_progress_step=30)
    async_id = client.run(*[job("ping", "test")] * 8)
    seen = []
    for _ in range(9):
        seen.append(progress(client, async_id))
        client.clock.now += 1
    assert seen == [0, 0, 0, 30, 30, 60, 60, 60, 100]


@pytest.mark.rule("IV-14")
def test_jobs_are_dated_by_their_own_time(client: Client) -> None:
    """Not by the time of whoever asks first, nor by that of the run."""
    client.settings(batch_seconds=20)
    client.run(job(id=1, status=2), job(id=2, status=5))
    client.clock.now += 3600
    dates = [contact["modifiedDate"] for contact in client.contacts()[:2]]
    assert dates == ["2026-02-03 01:10:54 UTC", "2026-02-03 01:11:04 UTC"]


@pytest.mark.rule("IV-14")
def test_two_batches_take_turns(client: Client) -> None:
    """Jobs of all batches take effect in the order of their times, not batch by batch."""
    client.settings(batch_seconds=10)
    client.run(job(id=1, phone="slow 1"), job(id=1, phone="slow 2"))
    client.settings(batch_seconds=6)
    client.run(job(id=1, phone="fast 1"), job(id=1, phone="fast 2"))
    seen = []
    for _ in range(10):
        client.clock.now += 1
        seen.append(client.contact(1)["phone"])
    assert seen[2:] == ["fast 1", "fast 1", "slow 1", *["fast 2"] * 4, "slow 2"]


@pytest.mark.rule("IV-14")
def test_two_batches_take_turns_though_nobody_looks(client: Client) -> None:
    """The same when all that was due is caught up with at once."""
    client.settings(batch_seconds=6)
    client.run(job(id=1, phone="first"), job(id=1, phone="last"))
    client.settings(batch_seconds=5)
    client.run(job(id=1, phone="in between"))
    client.clock.now += 60
    assert client.contact(1)["phone"] == "last"


@pytest.mark.rule("IV-14")
def test_a_write_in_between_is_overtaken(client: Client) -> None:
    """A job that waits writes over what came after the run."""
    client.settings(batch_seconds=10)
    client.run(job(id=1, status=5))
    client.write(id=1, status=2)
    client.clock.now += 10
    assert client.status(1) == 5


@pytest.mark.rule("IV-14")
def test_what_is_loaded_comes_after_the_jobs_before_it(client: Client) -> None:
    """A seed writes over the jobs whose time had come, not the other way round."""
    client.settings(batch_seconds=10)
    client.run(job(id=1, status=5))
    client.clock.now += 10
    client.sandbox.load(seed(stored(1, status=2)))
    assert client.status(1) == 2


@pytest.mark.rule("IV-14")
def test_results_expire(client: Client) -> None:
    """Two days after the end; until then they can be had again and again."""
    client.settings(batch_seconds=100)
    async_id = client.run(job(id=1, status=2))
    client.clock.now += 100 + 2 * 86_400 - 1
    assert client.responses(async_id) == client.responses(async_id) == [{"success": True, "id": 1}]
    client.clock.now += 1
    assert client.batch("results", **by_id(async_id)) == {
        "errorCode": 400,
        "message": "Batch not found",
        "specificCode": 24115,
    }
    assert client.batch("progress", **by_id(async_id))["specificCode"] == 24105
    assert client.status(1) == 2


@pytest.mark.rule("IV-14")
def test_keeping_time_is_a_setting(client: Client) -> None:
    """In days."""
    client.settings(results_days=0.5)
    async_id = client.run(job("ping", "test"))
    client.clock.now += 43_199
    assert progress(client, async_id) == 100
    client.clock.now += 1
    assert client.batch("progress", **by_id(async_id))["specificCode"] == 24105


@pytest.mark.rule("IV-14")
@pytest.mark.parametrize("done", [0, 2])
def test_a_batch_may_stall(client: Client, done: int) -> None:
    """It stops after so many jobs, whatever the time, until it is restarted; then it goes on from there."""
    client.settings(batch_seconds=10, batch_stall_after=done)
    async_id = client.run(*[job(id=contact_id, phone="new") for contact_id in (1, 2, 3, 4, 5)])
    client.clock.now += 3600
    assert progress(client, async_id) == 20 * done
    assert client.batch("results", **by_id(async_id))["specificCode"] == 24114
    assert client.batch("restart", **by_id(async_id)) == {"restarted": True}
    client.clock.now += 2
    assert progress(client, async_id) == 20 * (done + 1)
    client.clock.now += 8
    assert client.responses(async_id) == [{"success": True, "id": at} for at in range(1, 6)]
    assert client.batch("restart", **by_id(async_id)) == {"restarted": False}


@pytest.mark.rule("IV-14")
def test_only_a_stalled_batch_restarts(client: Client) -> None:
    """One that is under way goes on as it was."""
    client.settings(batch_seconds=10)
    async_id = client.run(job("ping", "test"))
    client.clock.now += 5
    assert client.batch("restart", **by_id(async_id)) == {"restarted": False}
    client.clock.now += 5
    assert progress(client, async_id) == 100


@pytest.mark.rule("IV-14")
def test_restart_tells_what_it_wrote(client: Client) -> None:
    """Where a batch takes no time, the rest is done before the answer, and the log says so."""
    client.settings(batch_stall_after=0)
    async_id = client.run(job(id=1, status=2))
    assert last_entry(client).write_applied is False
    client.batch("restart", **by_id(async_id))
    assert last_entry(client).write_applied is True
    assert client.status(1) == 2


@pytest.mark.rule("IV-14")
def test_repost(client: Client) -> None:
    """True for a batch that is done, false before."""
    client.settings(batch_seconds=10)
    async_id = client.run(job("ping", "test"))
    assert client.batch("repost", **by_id(async_id)) == {"reposted": False}
    client.clock.now += 10
    assert client.batch("repost", **by_id(async_id)) == {"reposted": True}


@pytest.mark.rule("IV-14")
def test_a_change_of_settings_is_for_jobs_to_come(client: Client) -> None:
    """Jobs whose time has come before it are carried out as the settings were."""
    client.sandbox.load(seed(stored(7, status=2)))
    client.settings(batch_seconds=10, resubscribe="allow")
    client.run(job(id=2, status=1), job(id=7, status=1))
    client.clock.now += 7
    client.settings(resubscribe="ignore")
    client.clock.now += 3
    assert (client.status(2), client.status(7)) == (1, 2)


@pytest.mark.rule("IV-14")
def test_batches_are_not_part_of_the_data(client: Client) -> None:
    """A reset forgets them, done or not."""
    client.settings(batch_seconds=10)
    async_id = client.run(job(id=1, status=2))
    client.sandbox.vendors["ivvy"].reset()
    client.clock.now += 10
    assert client.batch("progress", **by_id(async_id))["specificCode"] == 24105
