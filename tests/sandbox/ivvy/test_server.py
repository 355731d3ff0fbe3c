"""iVvy beside the other vendors: files, restarts and many clients at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pipeline.sandbox.server import Options, Sandbox
from pipeline.sandbox.vendor import SandboxError
from tests.sandbox.client import seed as audience
from tests.sandbox.client import stored as member

from .client import NEWS, START, Client, Clock, by_id, job, person, seed, stored

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_keeps_the_data(tmp_path: Path) -> None:
    """Contacts, definitions and batches are there again after a restart, and ids go on."""
    clock = Clock(START)
    options = Options(database=tmp_path / "sandbox.sqlite", clock=clock, settings={"ivvy": {"batch_seconds": 10}})
    with Sandbox(options) as sandbox, httpx.Client() as http:
        sandbox.load(seed(stored(1)))
        client = Client(sandbox, http, clock)
        client.write(id=1, status=2, groups=[{"groupId": NEWS}])
        async_id = client.run(job(id=1, phone="late"), job(**person("Gil")))
        clock.now += 5
        client.batch("progress", **by_id(async_id))
        before = sandbox.dump()
    clock.now += 5
    with Sandbox(options) as sandbox, httpx.Client() as http:
        client = Client(sandbox, http, clock)
        assert before["ivvy"]["contacts"][0]["phone"] == "late"  # type: ignore[index, call-overload]
        assert client.responses(async_id) == [{"success": True, "id": 1}, {"success": True, "id": 2}]
        assert client.status(1) == 2
        assert client.write(**person("Hal")) == {"id": 3}
        assert client.ask("getSubscriptionGroupList")[0]["memberCount"] == 1


def test_vendors_share_a_file(tmp_path: Path) -> None:
    """Each has tables of its own: what one loads, replaces or resets leaves the other alone."""
    options = Options(database=tmp_path / "sandbox.sqlite")
    with Sandbox(options) as sandbox:
        sandbox.load(audience(member("M-1", mail="ann@example.com")))
        sandbox.load(seed(stored(1)))
        both = sandbox.dump()
        sandbox.vendors["acoustic_connect"].reset()
        assert sandbox.dump()["ivvy"] == both["ivvy"]
        sandbox.load(audience(member("M-1", mail="ann@example.com")), replace=True)
        sandbox.vendors["ivvy"].reset()
        assert sandbox.dump()["acoustic_connect"] == both["acoustic_connect"]
        sandbox.load(seed(stored(1)))
    with Sandbox(options) as sandbox:
        again = sandbox.dump()
    assert again["acoustic_connect"] == both["acoustic_connect"]
    assert [contact["id"] for contact in again["ivvy"]["contacts"]] == [1]  # type: ignore[index, call-overload, union-attr]


def test_vendors_write_to_one_file_at_once(tmp_path: Path) -> None:
    """Threads that load into two vendors wait for each other and lose nothing."""
    options = Options(database=tmp_path / "sandbox.sqlite")
    loads = [audience(member(f"M-{at}", mail=f"m{at}@example.com")) for at in range(20)]
    with Sandbox(options) as sandbox:
        sandbox.load(loads[0])
        loads += [seed(stored(at)) for at in range(1, 21)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(sandbox.load, loads))
        dump: dict[str, Any] = sandbox.dump()
    assert {name: len(dump[name]["contacts"]) for name in ("acoustic_connect", "ivvy")} == {
        "acoustic_connect": 20,
        "ivvy": 20,
    }


def test_many_clients_at_once(client: Client) -> None:
    """Every write is carried out once: no id is given out twice and no update is lost."""

    def work(number: int) -> list[int]:
        with httpx.Client(timeout=30) as http:
            mine = Client(client.sandbox, http, client.clock)
            added = [mine.write(**person(f"T{number}x{at}"))["id"] for at in range(5)]
            jobs = [job(id=contact_id, status=2) for contact_id in added]
            answers = mine.responses(mine.run(*jobs, job("addContactsToSubscriptionGroup", contacts=[2], group=NEWS)))
            mine.ask("addContactsToSubscriptionGroup", contacts=added, group=NEWS)
            return [answer["id"] for answer in answers[:5]]

    with ThreadPoolExecutor(4) as threads:
        ids = [contact_id for found in threads.map(work, range(8)) for contact_id in found]
    assert sorted(ids) == list(range(6, 46))
    contacts = client.contacts()[5:]
    assert {contact["status"] for contact in contacts} == {2}
    assert all([entry["groupId"] for entry in contact["groups"]] == [NEWS] for contact in contacts)
    assert len(client.sandbox.requests("ivvy")) == 8 * 8


def test_one_of_many_adds_wins(client: Client) -> None:
    """The same triple from several clients at once is added once."""
    start = threading.Barrier(4)

    def add(_number: int) -> dict[str, Any]:
        with httpx.Client(timeout=30) as http:
            start.wait(30)
            return Client(client.sandbox, http, client.clock).write(**person("Gil"))

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(add, range(4)))
    assert sorted(answer.get("success", True) for answer in answers) == [False, False, False, True]


@pytest.mark.parametrize(
    "options",
    [
        {"settings": {"ivvy": {"nope": 1}}},
        {"settings": {"ivvy": 1}},
        {"data": {"ivvy": {"contacts": [{"id": 1}]}}},
    ],
)
def test_faulty_options_are_an_error(options: Any) -> None:
    """A sandbox does not start with a seed or with switches that it cannot use."""
    with pytest.raises(SandboxError):
        Sandbox(Options(**options))


def test_start_with_data_and_settings() -> None:
    """The seed is there from the start, and a reset goes back to the settings of the start."""
    options = Options(data=seed(stored(1)), settings={"ivvy": {"resubscribe": "reject"}})
    with Sandbox(options) as sandbox:
        assert len(sandbox.dump()["ivvy"]["contacts"]) == 1  # type: ignore[index, call-overload, arg-type]
        sandbox.settings("ivvy", resubscribe="allow")
        sandbox.reset()
        assert sandbox.settings("ivvy")["resubscribe"] == "reject"
