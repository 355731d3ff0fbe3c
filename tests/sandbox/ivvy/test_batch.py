"""The batch namespace: what is accepted, what becomes of each job, and how results are listed."""

from __future__ import annotations

from typing import Any

import pytest

from .client import NEWS, Client, by_id, job, missing, person, reasons

NOBODY = "0" * 32


@pytest.mark.rule("IV-14")
def test_batch_is_carried_out(client: Client) -> None:
    """The results echo each job and are in the order of the jobs; a failure leaves the others alone."""
    jobs = [
        job(id=1, status=2),
        job(firstName="Ivo", email="ivo@example.org"),
        job(firstName="Bob", lastName="Lake", email="bob@example.com"),
        job(**person("Gil")),
        job("getContact", id=2),
        job("ping", "test"),
        job("addContactsToSubscriptionGroup", contacts=[2], group=NEWS),
    ]
    async_id = client.run(*jobs)
    assert len(async_id) == 32
    answer = client.batch("results", **by_id(async_id))
    assert answer["asyncId"] == async_id
    assert [
        {"namespace": entry["namespace"], "action": entry["action"], "params": entry["request"]}
        for entry in answer["results"]
    ] == jobs
    responses = client.responses(async_id)
    assert responses[:4] == [
        {"success": True, "id": 1},
        {"errorCode": 400, "message": "'lastName' is required", "specificCode": 23017},
        {"success": False, "message": "The contact already exists"},
        {"success": True, "id": 6},
    ]
    assert responses[4]["status"] == 2
    assert responses[5] == {"ack": "2026-02-03 01:10:44 UTC"}
    assert responses[6] == [{"contactId": 2, "status": True}]
    assert client.status(1) == 2


@pytest.mark.rule("IV-14")
def test_jobs_see_what_went_before(client: Client) -> None:
    """They are carried out one after the other."""
    async_id = client.run(job(id=1, status=5), job("getContact", id=1), job(id=1, status=2), job("getContact", id=1))
    assert [response.get("status") for response in client.responses(async_id)] == [None, 5, None, 2]


@pytest.mark.rule("IV-14")
def test_200_jobs_and_no_more(client: Client) -> None:
    """201 are refused as a whole, before any of them is looked at."""
    client.run(*[job(id=1, phone=str(number)) for number in range(200)])
    assert client.contact(1)["phone"] == "199"
    response = client.post("batch", "run", jobs=[job(id=1, status=2)] * 200 + [1])
    assert (response.status_code, response.json()) == (
        400,
        {"errorCode": 400, "message": "Too many jobs", "specificCode": 24448},
    )
    assert client.status(1) == 1


@pytest.mark.rule("IV-14")
def test_size_is_a_setting(client: Client) -> None:
    """So that limits can be tested with few jobs."""
    client.settings(batch_max_jobs=2)
    assert reasons(client.batch("run", jobs=[job("ping", "test")] * 3))[0] == 24448
    assert client.run(*[job("ping", "test")] * 2)


@pytest.mark.rule("IV-13")
@pytest.mark.rule("IV-14")
@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        (None, missing("jobs")),
        ("x", (23016, "'jobs' does not validate", ["Value is not an array"])),
        ([], (24093, "Job parameter is empty", [])),
        ([job("", id=1)], (24093, "Job parameter is empty", [])),
        ([job(namespace="", id=1)], (24093, "Job parameter is empty", [])),
        (["x"], (24092, "Incorrect job format", [])),
        ([{"namespace": "contact", "params": {}}], (24092, "Incorrect job format", [])),
        ([{"action": "getContact", "params": {}}], (24092, "Incorrect job format", [])),
        ([{"namespace": "contact", "action": "getContact", "params": []}], (24092, "Incorrect job format", [])),
        ([job("run", "batch", jobs=[])], (24092, "Incorrect job format", ["A batch cannot hold batches"])),
    ],
)
def test_batches_that_are_refused(client: Client, jobs: Any, expected: Any) -> None:
    """A batch with one malformed job is not accepted; the good ones in it are not carried out."""
    listed = [job(id=1, status=2), *jobs] if isinstance(jobs, list) and jobs else jobs
    assert reasons(client.batch("run", jobs=listed)) == expected
    assert client.status(1) == 1
    assert client.sandbox.requests("ivvy")[0].write_applied is False


@pytest.mark.rule("IV-14")
def test_a_job_without_parameters(client: Client) -> None:
    """They may be left out where the action needs none."""
    async_id = client.run({"namespace": "test", "action": "ping"}, {"namespace": "contact", "action": "getContact"})
    assert client.responses(async_id) == [
        {"ack": "2026-02-03 01:10:44 UTC"},
        {"errorCode": 400, "message": "'id' is required", "specificCode": 23017},
    ]


@pytest.mark.rule("IV-14")
def test_unknown_actions_fail_as_jobs(client: Client) -> None:
    """They are accepted, and their responses are errors."""
    async_id = client.run(job("deleteContact"), job("ping", "nowhere"))
    assert [response["errorCode"] for response in client.responses(async_id)] == [501, 404]


@pytest.mark.rule("IV-13")
@pytest.mark.rule("IV-14")
@pytest.mark.parametrize(
    ("action", "code"), [("progress", 24105), ("results", 24115), ("restart", 24105), ("repost", 24105)]
)
def test_unknown_batches(client: Client, action: str, code: int) -> None:
    """An id that was never given out."""
    answer = client.batch(action, **by_id(NOBODY))
    assert answer == {"errorCode": 400, "message": "Batch not found", "specificCode": code}
    assert reasons(client.batch(action)) == missing("async")
    assert reasons(client.batch(action, **{"async": 5}))[0] == 23016


@pytest.mark.rule("IV-14")
def test_callback_may_be_required(client: Client) -> None:
    """It is optional by default."""
    jobs = [job("ping", "test")]
    assert client.batch("run", jobs=jobs, callbackUrl="https://sync.example.org/callback")["asyncId"]
    client.settings(callback_required=True)
    assert reasons(client.batch("run", jobs=jobs)) == missing("callbackUrl")


@pytest.mark.rule("IV-14")
def test_batch_may_not_be_saved(client: Client) -> None:
    """Every run is refused with the documented code, and nothing is carried out."""
    client.settings(batch_not_saved=True)
    answer = client.batch("run", jobs=[job(id=1, status=2)])
    assert answer == {"errorCode": 400, "message": "Batch not saved", "specificCode": 24091}
    assert client.status(1) == 1


@pytest.mark.rule("IV-14")
def test_jobs_may_be_carried_out_in_another_order(client: Client) -> None:
    """Results stay in the order of the jobs: only the effects tell, and they tell the same each time."""
    client.settings(batch_execution="shuffled")
    jobs = [job(**person(f"P{number}")) for number in range(10)]
    responses = client.responses(client.run(*jobs))
    assert [response["id"] for response in responses] != list(range(6, 16))
    assert sorted(response["id"] for response in responses) == list(range(6, 16))
    assert client.contact(responses[0]["id"])["firstName"] == "P0"


@pytest.mark.rule("IV-14")
@pytest.mark.parametrize("count", [2, 10])
def test_results_may_come_in_another_order(client: Client, count: int) -> None:
    """Each result still tells which job it is about."""
    client.settings(batch_results_order="shuffled")
    async_id = client.run(*[job("getContact", id=number) for number in range(1, count + 1)])
    results = client.batch("results", **by_id(async_id))["results"]
    ids = [result["request"]["id"] for result in results]
    assert ids != list(range(1, count + 1))
    assert sorted(ids) == list(range(1, count + 1))
    assert all(r["response"].get("id", r["request"]["id"]) == r["request"]["id"] for r in results)


@pytest.mark.rule("IV-14")
def test_results_may_be_missing(client: Client) -> None:
    """So many at the end of the list."""
    client.settings(batch_drop_results=2)
    assert len(client.responses(client.run(*[job("ping", "test")] * 5))) == 3
    assert client.responses(client.run(job("ping", "test"))) == []


@pytest.mark.rule("IV-11")
@pytest.mark.rule("IV-14")
def test_refused_jobs_may_be_failures(client: Client) -> None:
    """In the other channel, with the same message."""
    client.settings(batch_failed_job="success_false")
    assert (
        client.responses(client.run(job(id=99), job("getContact", id=99)))
        == [{"success": False, "message": "Unable to find contact"}] * 2
    )


@pytest.mark.rule("IV-14")
def test_unknown_keys_of_a_batch(client: Client) -> None:
    """The switch for parameters holds here too."""
    client.settings(unknown_keys="reject")
    assert reasons(client.batch("run", jobs=[job("ping", "test")], priority=1))[0] == 23016
    assert reasons(client.batch("progress", **by_id(NOBODY), verbose=True))[0] == 23016
