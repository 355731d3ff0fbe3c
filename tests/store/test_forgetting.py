"""Whoever is forgotten on one host is in nothing that hosts share, and leaves the others' copies too."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import pytest

from pipeline import run, verifying
from pipeline.context import Request
from pipeline.erasure import forgetting
from pipeline.errors import ConsentSyncError, RunFolderError, StorageError, UsageError
from pipeline.evidence.proving import prove
from pipeline.run_folder import MANIFEST, RunFolder
from pipeline.store import publishing
from pipeline.store.bucket import Store
from tests.delivery.world import contacts_of, row_of, rows_of, stopped_before
from tests.jobs import NOW

from .hosts import Hosts, readable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.context import T
    from tests.delivery.world import World

IDENTITY: Final = "AA-77-IDENTITY"
EMAIL: Final = "aaa.quartz@example.com"
WORDS: Final = (IDENTITY, EMAIL, "Zenobia")


def person(**cells: str) -> dict[str, str]:
    """The person's row."""
    return row_of(1, contact_id=IDENTITY, email=EMAIL, first_name="Zenobia", **cells)


def told(hosts: Hosts) -> str:
    """Two runs of the first host that hold the person, who failed in one; that run's id."""
    a = hosts.a
    contact = {"attributes": {"Contact key": IDENTITY, "Email": EMAIL}, "consent": {}}
    a.seed([contact, *contacts_of(4)[1:]])
    a.faults([{"fault": "poison_row", "key": IDENTITY, "code": "X", "message": f"no {EMAIL}"}])
    first = a.sync(a.mapping(), a.export([person(), *rows_of(4)[1:]]))
    a.faults([])
    a.sync(a.mapping(), a.export([person(), *rows_of(4, email_opt_in="N")[1:]]), full=True)
    return first.summary.run_id


def on_the_store(hosts: Hosts) -> list[str]:
    """The objects that hold a word of the person."""
    return [key for key, text in hosts.bucket.texts() if any(word.lower() in text.lower() for word in WORDS)]


def in_home(host: World) -> list[str]:
    """The files of a home that do."""
    files = ((path, readable(path.read_bytes())) for path in host.home.rglob("*") if path.is_file())
    return [str(path) for path, text in files if any(word.lower() in text.lower() for word in WORDS)]


def test_nothing_of_the_person_is_left_on_the_store(hosts: Hosts) -> None:
    """Neither in a run, nor in a version of a table, nor in its log; the chain stays unbroken."""
    told(hosts)
    assert {key.partition("/")[0] for key in on_the_store(hosts)} == {"runs", "state", "people"}
    found = forgetting.forget(IDENTITY, hosts.b.context())
    assert (len(found.runs), on_the_store(hosts), in_home(hosts.b)) == (2, [], [])
    assert prove(hosts.a.context()).exit_code == 0


def test_the_copies_of_other_hosts_follow(hosts: Hosts) -> None:
    """With their next command, whatever it is; what `verify` found there too."""
    told(hosts)
    hosts.a.seed(contacts_of(4)[1:])
    verifying.verify(verifying.Audit(hosts.a.mapping()), hosts.a.context())
    assert any("/verify/" in path for path in in_home(hosts.a))
    forgetting.forget(IDENTITY, hosts.b.context())
    assert in_home(hosts.a) != []
    run.runs(hosts.a.context())
    assert in_home(hosts.a) == []
    assert len(list(hosts.a.home.glob("verify/*/differences.csv"))) == 1


def test_no_host_brings_the_person_back(hosts: Hosts) -> None:
    """The list is the store's: an export of the first host may only opt them out."""
    told(hosts)
    forgetting.forget(IDENTITY, hosts.b.context())
    again = hosts.a.sync(hosts.a.mapping(), hosts.a.export([person()]), full=True)
    assert again.summary.rows.updated + again.summary.rows.created == 0
    assert again.summary.reasons.get("forgotten", 0) + again.summary.withheld.get("forgotten", 0) > 0


def test_the_reports_of_other_hosts_still_add_up(hosts: Hosts) -> None:
    """A run that lost somebody is read by every host, and carried out by none."""
    run_id = told(hosts)
    forgetting.forget(IDENTITY, hosts.b.context())
    assert hosts.a.report(run_id).summary.balanced
    with pytest.raises(RunFolderError, match="was forgotten since"):
        hosts.a.apply(run_id)


@pytest.mark.parametrize("step", ["write the reports", "clear a table"])
def test_an_erasure_that_was_stopped_is_finished_by_any_host(hosts: Hosts, step: str) -> None:
    """Wherever it was stopped."""
    told(hosts)
    with pytest.raises(KeyboardInterrupt):
        forgetting.forget(IDENTITY, hosts.b.context(perform=stopped_before(step)))
    c = hosts.another("c")
    forgetting.forget(IDENTITY, c.context())
    assert (on_the_store(hosts), in_home(c)) == ([], [])
    forgetting.forget(IDENTITY, hosts.b.context())
    assert in_home(hosts.b) == []


@pytest.mark.parametrize("writes", [1, 8, 11, 14])
def test_an_erasure_that_the_store_cut_short_is_finished_by_any_host(hosts: Hosts, writes: int) -> None:
    """Whatever it had of it: in the end each run is whole, and adds up."""
    run_id = told(hosts)
    hosts.bucket.refuse(str(writes))
    with pytest.raises(StorageError):
        forgetting.forget(IDENTITY, hosts.b.context())
    holding = [key.rpartition("/") for key in on_the_store(hosts)]
    plans = {folder for folder, _, name in holding if folder.endswith("/plan")}
    # By a plan's records the person is found in its other files.
    assert plans == {folder for folder, _, name in holding if name.startswith("records-")}
    hosts.bucket.allow()
    forgetting.forget(IDENTITY, hosts.another("c").context())
    assert on_the_store(hosts) == []
    assert hosts.a.report(run_id).summary.balanced


def test_a_plan_made_meanwhile_does_not_keep_the_person(hosts: Hosts) -> None:
    """A host that is planning while another forgets somebody ends without a plan on the store."""
    told(hosts)

    def perform(name: str, action: Callable[[], T], /) -> T:
        if name == "guard":
            forgetting.forget(IDENTITY, hosts.b.context())
        return action()

    a = hosts.a
    with pytest.raises(ConsentSyncError, match="was forgotten while"):
        run.plan(Request(a.mapping(), a.export([person()]), full=True), a.context(perform=perform))
    assert on_the_store(hosts) == []


def test_runs_that_were_removed_from_the_store_leave_the_copies_of_hosts(hosts: Hosts) -> None:
    """With the first erasure after that, there or elsewhere; a plan that is being made meanwhile stays."""
    first = told(hosts)
    draft = hosts.b.home / "runs" / "being-planned"
    for host in (hosts.a, hosts.b):
        host.report(first)
    Store(hosts.bucket.url).remove_all(f"runs/{first}")
    draft.mkdir()
    with pytest.raises(UsageError, match="being-planned"):
        forgetting.forget(IDENTITY, hosts.b.context())
    assert (hosts.runs_of(hosts.b), draft.exists()) == ({"being-planned"}, True)
    draft.rmdir()
    assert len(forgetting.forget(IDENTITY, hosts.b.context()).runs) == 1
    run.runs(hosts.a.context())
    assert (len(hosts.runs_of(hosts.a)), in_home(hosts.a)) == (1, [])


def test_a_run_that_may_go_on_is_not_touched(hosts: Hosts) -> None:
    """On whatever host it was planned."""
    hosts.a.seed([{"attributes": {"Contact key": IDENTITY, "Email": EMAIL}, "consent": {}}])
    planned = hosts.a.plan(hosts.a.mapping(), hosts.a.export([person()])).summary.run_id
    with pytest.raises(ConsentSyncError, match=planned):
        forgetting.forget(IDENTITY, hosts.b.context())
    assert hosts.runs_of(hosts.b) == set()


class Slow:
    """A store that takes longest over what is put first, and keeps the order in which it had all of it."""

    def __init__(self) -> None:
        self.had: list[str] = []

    def files(self, _: str) -> dict[str, int]:
        """Nothing yet."""
        return {}

    def put_file(self, key: str, path: Path) -> None:
        """As large as it is, so long."""
        threading.Event().wait(path.stat().st_size / 100)
        self.had.append(key)

    def put(self, key: str, _: bytes) -> None:
        """The manifest."""
        self.had.append(key)


def test_what_leads_to_a_person_is_published_after_what_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long each file takes: addresses after all others, then records, then the manifest."""
    store, folder = Slow(), RunFolder.create(tmp_path, "m", NOW)
    for size, name in enumerate(("records-0000", "addresses-0000", "items-0000", "permissions-0000")):
        folder.write_bytes(f"plan/{name}.parquet", b"x" * size)
    folder.write_bytes(MANIFEST, b"{}")
    monkeypatch.setattr(publishing, "store_of", lambda _: store)
    publishing.publish(folder, afresh=True)
    assert [key.rpartition("/")[2].partition("-")[0] for key in store.had[-3:]] == ["addresses", "records", MANIFEST]
