"""Files, several threads, and the other vendors beside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pipeline.sandbox.server import Options, Sandbox

from .client import BULK, PHONE, Client, Clock, consent

if TYPE_CHECKING:
    from pathlib import Path

AUDIENCE = {
    "dataSetId": "ds-1",
    "name": "Members",
    "attributes": [{"name": "No", "type": "TEXT", "identifyAs": {"key": True, "channels": None}}],
    "consentGroups": [],
}


def test_a_file_keeps_the_consents(tmp_path: Path) -> None:
    """They are there again after a restart, and the number of a deleted one, by which links go, never comes back."""
    options = Options(database=tmp_path / "sandbox.sqlite", clock=Clock())
    with Sandbox(options) as sandbox, httpx.Client() as http:
        client = Client(sandbox, http, Clock())
        client.load(consent("ann@example.com"), consent("bob@example.com"))
        client.bulk(consent("ann@example.com", "REVOKED"), consent("912-bad"), consent(PHONE))
        last = client.upsert(consent("gone@example.com"))
        client.send("DELETE", f"/v1/marketing-consent/{last['marketingConsent']['id']}")
        before = sandbox.dump()
    with Sandbox(options) as sandbox, httpx.Client() as http:
        client = Client(sandbox, http, Clock())
        assert sandbox.dump() == before
        assert client.get_by("ann@example.com")["marketingConsent"]["revision"] == "2"
        client.upsert(consent("next@example.com"))
        assert client.visit(last["link"]["url"]).status_code == 404
        sandbox.reset()
    with Sandbox(options) as sandbox:
        assert sandbox.dump()["wix"] == {"consents": []}


def test_a_file_is_shared_with_other_vendors(tmp_path: Path) -> None:
    """Each has its own tables: one vendor's reset leaves the others' data."""
    options = Options(database=tmp_path / "sandbox.sqlite")
    seed: dict[str, Any] = {
        "acoustic_connect": {"data_set": AUDIENCE, "contacts": [{"attributes": {"No": "M-1"}}]},
        "wix": {"consents": [consent("ann@example.com")]},
    }
    with Sandbox(options) as sandbox:
        sandbox.load(seed)
        before = sandbox.dump()
    with Sandbox(options) as sandbox:
        assert sandbox.dump() == before
        sandbox.vendors["wix"].reset()
        after = sandbox.dump()
        assert after == {**before, "wix": {"consents": []}}


def test_seed_and_settings_at_the_start() -> None:
    """A sandbox can start with both."""
    data: Any = {"wix": {"consents": [consent("ann@example.com", "REVOKED")]}}
    with Sandbox(Options(data=data, settings={"wix": {"bulk_max_items": 3}})) as sandbox:
        assert sandbox.settings("wix")["bulk_max_items"] == 3
        dump: Any = sandbox.dump()["wix"]
        assert dump["consents"][0]["state"] == "REVOKED"


@pytest.mark.rule("WX-08")
@pytest.mark.parametrize("database", [False, True])
def test_threads_do_not_lose_each_others_writes(tmp_path: Path, database: bool) -> None:
    """Revisions count every write to one consent, and every consent is stored once."""
    options = Options(database=tmp_path / "db" if database else None, settings={"wix": {"requests_per_minute": None}})
    with Sandbox(options) as sandbox, httpx.Client() as http:
        client = Client(sandbox, http, Clock())

        def work(worker: int) -> None:
            for call in range(10):
                own = [consent(f"user{worker}-{call}-{at}@example.com") for at in range(5)]
                answer = client.send("POST", BULK, {"info": [consent("ann@example.com"), *own]}).json()
                assert answer["metadata"] == {"totalSuccess": 6, "totalFailure": 0}
                client.load(consent(f"seed{worker}-{call}@example.com", "REVOKED"))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert client.stored("ann@example.com")["revision"] == "40"
        dump: Any = sandbox.dump()["wix"]
        assert len(dump["consents"]) == len({found["id"] for found in dump["consents"]}) == 1 + 4 * 10 * 6
        entries = sandbox.requests("wix")
        assert sum(entry.rows for entry in entries) == 4 * 10 * 6


@pytest.mark.rule("WX-08")
def test_of_several_updates_of_one_revision_one_wins(client: Client) -> None:
    """The others are conflicts, each telling the revision that is stored."""
    body = {"marketingConsent": consent("ann@example.com", revision="1"), "mask": {"paths": ["state"]}}
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: client.send("PATCH", "/v1/marketing-consent/id-ann", body), range(8)))
    assert sorted(response.status_code for response in responses) == [200, *[409] * 7]
    assert client.stored("ann@example.com")["revision"] == "2"
