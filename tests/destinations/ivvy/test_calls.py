"""Many calls: one by one, or as batches that are polled."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.interface import Kind, Reply, Verdict
from pipeline.destinations.ivvy import wire
from pipeline.destinations.ivvy.calls import Calls, by_request, chunks
from pipeline.destinations.ivvy.options import Options
from pipeline.destinations.ivvy.refusals import verdict_of

OK = Verdict(Kind.OK)


class Vendor:
    """Takes requests and answers from a script; keeps what was asked, and after what wait."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any, bool, float]] = []
        self.begun: list[str] = []

    def __call__(
        self, request: httpx.Request, *, repeatable: bool, after_seconds: float = 0.0, begins: Any = None
    ) -> Reply:
        action, body = request.url.params["action"], json.loads(request.content)
        self.asked.append((action, body, repeatable, after_seconds))
        given = self.answers[action]
        answer = given.pop(0) if len(given) > 1 else given[0]
        self.begun += [begins(answer)] if begins else []
        if answer is None:
            return Reply(Verdict(Kind.RETRY, message="no answer"), {}, unclear=True)
        answer = answer(body) if callable(answer) else answer
        return Reply(verdict_of(answer), answer)


def calls(vendor: Vendor, **options: Any) -> Calls:
    """Calls over the vendor."""

    def request(namespace: str, action: str, params: Any) -> httpx.Request:
        url = f"https://api.example.com{wire.API}/{namespace}?action={action}"
        return httpx.Request("POST", url, content=json.dumps(params).encode())

    return Calls(request, vendor, Options.model_validate({"bulk": "always", "poll_seconds": 2, **options}))


def test_a_batch_that_is_too_large_is_halved() -> None:
    """A gateway refuses a run for its size: nothing of it was taken, and it is sent in halves."""

    def results(_: Any) -> Any:
        jobs = vendor.asked[-3][1]["jobs"]
        return results_of(*(job["params"] for job in jobs))

    vendor = Vendor(run=[{"asyncId": "5f"}], progress=[{"progress": 100}], results=[results])
    sized = calls(vendor)

    def send(request: httpx.Request, *, repeatable: bool, after_seconds: float = 0.0, begins: Any = None) -> Reply:
        if len(json.loads(request.content).get("jobs", ())) > 1:
            return Reply(Verdict(Kind.REFUSED, "413", "Request Too Long"), {})
        return vendor(request, repeatable=repeatable, after_seconds=after_seconds)

    replies = Calls(sized.request, send, sized.options).many(wire.GET, JOBS, repeatable=True)
    assert [reply.body["id"] for reply in replies] == [1, 2, 3]


def results_of(*jobs: dict[str, Any]) -> dict[str, Any]:
    """Results in the vendor's shape, each the id of its request."""
    return {"results": [{"action": wire.GET, "request": job, "response": job | {"success": True}} for job in jobs]}


JOBS = [{"id": number} for number in range(1, 4)]
RUN: dict[str, list[Any]] = {
    "run": [{"asyncId": "5f"}],
    "progress": [{"progress": 100}],
    "results": [results_of(*JOBS)],
}


@pytest.mark.rule("IV-14")
def test_a_batch_is_run_polled_and_fetched() -> None:
    """One run, progress until it is done with longer and longer waits, and the results."""
    vendor = Vendor(**{**RUN, "progress": [{"progress": 0}, {"progress": 99.9}, {"progress": 100}]})
    replies = calls(vendor).many(wire.GET, JOBS, repeatable=True)
    assert [reply.body["id"] for reply in replies] == [1, 2, 3]
    assert [(action, after) for action, _, _, after in vendor.asked] == [
        ("run", 0.0), ("progress", 2.0), ("progress", 3.0), ("progress", 4.5), ("results", 0.0),
    ]  # fmt: skip
    assert vendor.asked[0][1]["jobs"][0] == {"namespace": "contact", "action": "getContact", "params": {"id": 1}}


@pytest.mark.rule("IV-14")
@pytest.mark.parametrize(
    ("bulk", "count", "batches"), [("auto", 10, 0), ("auto", 11, 1), ("always", 1, 1), ("never", 50, 0)]
)
def test_small_runs_are_made_by_single_calls(bulk: str, count: int, batches: int) -> None:
    """A batch costs three requests and a wait, which ten calls are worth."""
    jobs = [{"id": number} for number in range(count)]
    vendor = Vendor(**{**RUN, "results": [results_of(*jobs)], "getContact": [lambda body: body]})
    assert [reply.body["id"] for reply in calls(vendor, bulk=bulk).many(wire.GET, jobs, repeatable=True)] == list(
        range(count)
    )
    assert sum(action == "run" for action, *_ in vendor.asked) == batches


@pytest.mark.rule("IV-14")
@pytest.mark.parametrize(("count", "sizes"), [(200, [200]), (201, [200, 1]), (450, [200, 200, 50]), (0, [])])
def test_a_batch_has_at_most_200_jobs(count: int, sizes: list[int]) -> None:
    """More calls make more batches."""
    assert [len(chunk) for chunk in chunks([{"id": n} for n in range(count)], wire.MOST_JOBS)] == sizes


@given(st.lists(st.integers(0, 400_000), max_size=12), st.integers(1, 5))
def test_batches_hold_every_call_once_and_fit(sizes: list[int], most: int) -> None:
    """In order, none lost, none twice, and none over the weight unless it is alone."""
    jobs = [{"text": "x" * size} for size in sizes]
    parts = chunks(jobs, most)
    assert [job for part in parts for job in part] == jobs
    for part in parts:
        weight = sum(len(json.dumps(job)) for job in part)
        assert len(part) == 1 or (len(part) <= most and weight <= wire.MOST_BATCH_BYTES)


@pytest.mark.rule("IV-14")
def test_results_are_attached_by_the_request_that_they_repeat() -> None:
    """Not by their place: shuffled, lost and repeated results mislead nobody."""
    first, second, third = results_of(*JOBS)["results"]
    shuffled = [wire.JobResult.model_validate(entry) for entry in (third, first, first)]
    replies = by_request(shuffled, JOBS)
    assert [reply.body.get("id") for reply in replies] == [1, None, 3]
    assert [reply.unclear for reply in replies] == [False, True, False]
    other = wire.JobResult.model_validate(second | {"response": {"success": False, "message": "no"}})
    contradicted = by_request([wire.JobResult.model_validate(second), other], [JOBS[1]])
    assert contradicted[0].unclear


@pytest.mark.rule("IV-11")
@pytest.mark.rule("IV-13")
def test_each_job_is_judged_by_its_own_response() -> None:
    """Success, `success: false`, an error and a fault of the server stand side by side in one batch."""
    responses: list[Any] = [
        {"id": 1},
        {"success": False, "message": "The contact could not be saved"},
        {"errorCode": 400, "message": "'email' does not validate", "specificCode": 23016, "additionalMessages": ["no"]},
        {"errorCode": 500, "message": "An error has occurred", "specificCode": 1},
        None,
    ]
    jobs = [{"id": number} for number in range(len(responses))]
    results = [
        wire.JobResult(action="x", request=job, response=said) for job, said in zip(jobs, responses, strict=True)
    ]
    replies = by_request(results, jobs)
    assert [reply.verdict.kind for reply in replies] == [Kind.OK, Kind.REFUSED, Kind.REFUSED, Kind.RETRY, Kind.RETRY]
    assert [reply.unclear for reply in replies] == [False, False, False, True, True]
    assert replies[2].verdict.message == "'email' does not validate; no"


LOST: dict[str, dict[str, list[Any]]] = {
    "the answer to run": {"run": [None]},
    "an answer to run without an id": {"run": [{"hello": 1}]},
    "progress": {"progress": [None]},
    "a progress that nobody knows": {"progress": [{"errorCode": 400, "message": "gone", "specificCode": 24105}]},
    "the results": {"results": [None]},
    "results of another shape": {"results": [{"results": "none"}]},
    "results that have expired": {"results": [{"errorCode": 400, "message": "gone", "specificCode": 24115}]},
    "a batch that never ends": {"progress": [{"progress": 50}]},
}


@pytest.mark.rule("IV-14")
@pytest.mark.parametrize("answers", LOST.values(), ids=LOST)
def test_what_a_batch_does_not_tell_is_unclear(answers: dict[str, list[Any]]) -> None:
    """Whatever is lost on the way: no job of it counts as done, nor as refused."""
    vendor = Vendor(**{**RUN, **answers})
    replies = calls(vendor, batch_seconds=60).many(wire.GET, JOBS, repeatable=False)
    assert [reply.unclear for reply in replies] == [True] * 3


@pytest.mark.rule("IV-14")
def test_a_batch_that_is_said_to_be_done_too_early_is_polled_on() -> None:
    """`not completed` in place of results is no loss."""
    early = {"errorCode": 400, "message": "Batch job not completed", "specificCode": 24114}
    vendor = Vendor(**{**RUN, "results": [early, results_of(*JOBS)]})
    assert [reply.unclear for reply in calls(vendor).many(wire.GET, JOBS, repeatable=True)] == [False] * 3


@pytest.mark.rule("IV-13")
def test_a_batch_that_is_refused_refuses_its_jobs() -> None:
    """With the vendor's code and words."""
    refused = {"errorCode": 400, "message": "Too many jobs", "specificCode": 24448}
    replies = calls(Vendor(**{**RUN, "run": [refused]})).many(wire.GET, JOBS, repeatable=True)
    assert {(reply.verdict.kind, reply.verdict.code) for reply in replies} == {(Kind.REFUSED, "24448")}


def test_only_the_run_of_a_write_is_not_repeatable() -> None:
    """Asking how far a batch is changes nothing, whatever the batch does."""
    vendor = Vendor(**RUN)
    calls(vendor).many(wire.ADD_OR_UPDATE, JOBS, repeatable=False)
    assert [(action, repeatable) for action, _, repeatable, _ in vendor.asked] == [
        ("run", False), ("progress", True), ("results", True),
    ]  # fmt: skip


def test_a_batch_that_writes_is_named_and_one_that_reads_is_not() -> None:
    """The id of what may still take effect is handed over with the answer that has it."""
    vendor = Vendor(**RUN)
    calls(vendor).many(wire.GET, JOBS, repeatable=True)
    assert vendor.begun == []
    calls(vendor).many(wire.ADD_OR_UPDATE, JOBS, repeatable=True)
    assert vendor.begun == ["5f"]


@pytest.mark.parametrize(
    ("answers", "ended"),
    [
        ([{"progress": 100}], True),
        ([{"progress": 0}, {"progress": 50}, {"progress": 100}], True),
        ([{"progress": 50}], False),
        ([None], False),
        ([{"errorCode": 400, "specificCode": wire.BATCH_NOT_FOUND, "message": "gone"}], True),
        ([{"errorCode": 404, "specificCode": wire.BATCH_NOT_FOUND, "message": "gone"}], True),
        ([{"errorCode": 500, "message": "no"}], False),
    ],
)
def test_a_batch_is_waited_for(answers: list[Any], ended: bool) -> None:
    """It has ended when all is done, or when the platform does not know it any more; else nobody knows yet."""
    assert calls(Vendor(progress=answers), batch_seconds=20).ended("5f") is ended


def test_a_batch_that_has_ended_is_not_asked_for_again() -> None:
    """Whoever has its results knows."""
    vendor = Vendor(**RUN)
    mine = calls(vendor)
    mine.many(wire.ADD_OR_UPDATE, JOBS, repeatable=True)
    asked = len(vendor.asked)
    assert mine.ended("5f")
    assert len(vendor.asked) == asked
