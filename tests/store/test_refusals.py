"""What a store refuses, and what is wrong with one, is said before anything is sent; what was sent is never lost."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import run
from pipeline.erasure import forgetting
from pipeline.errors import ConsentSyncError, RunFolderError, SettingsError, StorageError, UsageError
from pipeline.evidence.proving import prove
from pipeline.ledger.ledger import opened
from pipeline.run_folder import RunFolder
from pipeline.settings import Settings
from pipeline.store import publishing
from pipeline.store.bucket import Store
from tests.delivery.commands import Commands
from tests.delivery.world import KEY, contacts_of, key_of, rows_of

from .hosts import ACCESS_KEY, SECRET, Hosts, readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.context import Perform, T
    from tests.delivery.world import World


def just_before(step: str, then: Callable[[], None]) -> Perform:
    """Performs steps as ever; before one whose name begins so, something happens."""

    def perform(name: str, action: Callable[[], T], /) -> T:
        if name.startswith(step):
            then()
        return action()

    return perform


def synced(host: World, **changes: Any) -> ConsentSyncError:
    """A sync that fails, and with what."""
    with pytest.raises(ConsentSyncError) as raised:
        host.sync(host.mapping(), host.export(rows_of(3)), **changes)
    return raised.value


def test_nothing_is_sent_of_a_plan_that_the_store_does_not_take(hosts: Hosts) -> None:
    """The sync ends as for a full disk; when the store takes it again, the same plan is carried out."""
    a = hosts.a
    a.seed(contacts_of(3))
    error = synced(a, perform=just_before("guard", hosts.bucket.refuse))
    assert (type(error), error.exit_code, a.mutations()) == (StorageError, 1, [])
    [run_id] = hosts.runs_of(a)
    with pytest.raises(StorageError):
        a.apply(run_id)
    assert a.mutations() == []
    hosts.bucket.allow()
    with pytest.raises(RunFolderError, match="there is no run"):
        hosts.b.apply(run_id)
    assert a.apply(run_id).summary.rows.updated == 3
    assert hosts.b.report(run_id).summary.rows.updated == 3


@pytest.mark.parametrize("writes", [0, 1, 5])
def test_a_plan_of_which_the_store_has_a_part_does_not_exist(hosts: Hosts, writes: int) -> None:
    """Its manifest comes last; nobody is forgotten while somebody may be in it."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(3))
    synced(a, perform=just_before("guard", lambda: hosts.bucket.refuse(str(writes))))
    hosts.bucket.allow()
    [run_id] = hosts.runs_of(a)
    assert len([key for key in hosts.bucket.objects() if key.startswith(f"runs/{run_id}/")]) == writes
    with pytest.raises(RunFolderError, match="there is no run"):
        b.apply(run_id)
    if writes:
        with pytest.raises(UsageError, match=run_id):
            forgetting.forget(key_of(2), b.context())


def test_what_is_published_afresh_is_put_there_though_it_is_as_long(hosts: Hosts) -> None:
    """As a plan may be that a person was taken out of."""
    a = hosts.a
    a.seed(contacts_of(3))
    run_id = a.plan(a.mapping(), a.export(rows_of(3))).summary.run_id
    folder = RunFolder.open(a.home, run_id)
    path = folder.plan_file("items", 0)
    path.write_bytes(path.read_bytes()[::-1])
    publishing.publish(folder, afresh=True)
    assert hosts.bucket.objects()[f"runs/{run_id}/plan/{path.name}"] == path.read_bytes()


def test_nothing_is_sent_of_a_plan_that_is_no_longer_there(hosts: Hosts) -> None:
    """Should it be lost between planning and delivery, it is put there again first."""
    a = hosts.a
    a.seed(contacts_of(3))

    def lose() -> None:
        hosts.bucket.files.delete_dir(f"{hosts.bucket.name}/team/runs")
        hosts.bucket.refuse()

    error = synced(a, perform=just_before("deliver", lose))
    assert (type(error), a.mutations()) == (StorageError, [])


def test_what_was_sent_while_the_store_was_lost_is_recorded_by_the_next_run(hosts: Hosts) -> None:
    """Of whatever host: state and evidence have it then, once."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(3))
    error = synced(a, perform=just_before("record", hosts.bucket.go_away))
    assert (error.exit_code, "does not answer" in str(error), len(a.mutations())) == (1, True, 1)
    hosts.bucket.come_back()
    assert set(statuses(a).values()) == {"planned"}
    same = b.sync(b.mapping(), b.export(rows_of(3)), full=False)
    assert (same.exit_code, same.summary.rows.unchanged) == (0, 3)
    assert set(a.applied().values()) == {1}
    proof = prove(b.context())
    assert (proof.exit_code, proof.chains[0].rows) == (0, 3)


def test_what_was_recorded_while_the_report_found_no_store_is_reported_again(hosts: Hosts) -> None:
    """Nothing is recorded twice."""
    a, b = hosts.a, hosts.b
    a.seed(contacts_of(3))
    synced(a, perform=just_before("report", hosts.bucket.go_away))
    hosts.bucket.come_back()
    assert set(statuses(a).values()) == {"planned"}
    [run_id] = hosts.runs_of(a)
    resumed = b.resume(run_id)
    assert (resumed.exit_code, resumed.summary.rows.updated, len(a.mutations())) == (0, 3, 1)
    assert (prove(a.context()).exit_code, prove(a.context()).chains[0].rows) == (0, 3)


def statuses(host: World) -> dict[str, str]:
    """Run -> what the ledger says of it."""
    with opened(host.context()) as ledger:
        return {row["run_id"]: row["status"] for row in ledger.runs()}


def away(hosts: Hosts) -> None:
    """Nobody answers."""
    hosts.bucket.go_away()


def denying(hosts: Hosts) -> None:
    """It knows the credentials and lets them do nothing."""
    hosts.bucket.refuse("all")


def misnamed(hosts: Hosts) -> None:
    """The setting names another bucket."""
    hosts.a.more = hosts.a.more | {"consent_sync_store": "s3://no-such-bucket-here/team"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(away, "does not answer"), (denying, "refuses the credentials"), (misnamed, "there is no such bucket")],
)
def test_a_store_that_cannot_be_used_is_said_at_the_start(
    hosts: Hosts, wrong: Callable[[Hosts], None], said: str
) -> None:
    """In plain words, and before the destination is asked anything."""
    hosts.a.seed(contacts_of(3))
    wrong(hosts)
    error = synced(hosts.a)
    assert (type(error), said in str(error), hosts.a.sandbox.requests()) == (StorageError, True, [])


def test_a_store_needs_a_ledger_that_hosts_share(hosts: Hosts) -> None:
    """Which makes certain that an account has one writer."""
    hosts.a.more = {"consent_sync_store": hosts.bucket.url}
    assert "CONSENT_SYNC_DATABASE_URL" in str(synced(hosts.a))


def test_a_host_without_the_setting_does_not_plan_without_the_state(hosts: Hosts) -> None:
    """Neither one that had it before, nor a new one on the same ledger, nor one with another store."""
    a = hosts.a
    a.seed(contacts_of(3))
    a.sync(a.mapping(), a.export(rows_of(3)))
    fresh, other = hosts.another("c"), hosts.another("d")
    fresh.more = {"consent_sync_database_url": a.more["consent_sync_database_url"]}
    other.more = a.more | {"consent_sync_store": hosts.bucket.url + "/other"}
    alone = hosts.another("a")
    alone.more = {}
    for host in (fresh, other, alone):
        error = synced(host)
        assert (type(error), hosts.bucket.url in str(error)) == (SettingsError, True)


def test_a_home_with_a_state_of_its_own_is_not_left_behind(hosts: Hosts) -> None:
    """It is refused; moved as the README says, its opt-outs and its evidence are the store's."""
    a = hosts.a
    a.seed(contacts_of(3))
    shared, a.more = a.more, {"consent_sync_database_url": a.more["consent_sync_database_url"]}
    a.sync(a.mapping(), a.export(rows_of(3, email_opt_in="N")))
    a.more = shared
    assert "has a state of its own" in str(synced(a))
    for kind in ("state", "evidence", "people", "runs"):
        for path in a.home.glob(f"{kind}/**/*"):
            if path.is_file():
                Store(hosts.bucket.url).put_file(path.relative_to(a.home).as_posix(), path)
        shutil.move(a.home / kind, a.path / f"moved-{kind}")
    assert hosts.b.sync(a.mapping(), a.export(rows_of(3, email_opt_in="N"))).summary.rows.unchanged == 3
    proofs = [prove(host.context()) for host in (a, hosts.b)]
    assert [(proof.exit_code, proof.chains[0].rows) for proof in proofs] == [(0, 3), (0, 3)]


def test_a_lost_key_is_not_made_anew(hosts: Hosts) -> None:
    """Under another one nobody would be found again."""
    a = hosts.a
    a.seed(contacts_of(3))
    a.sync(a.mapping(), a.export(rows_of(3)))
    Store(hosts.bucket.url).remove("evidence/key")
    assert "put it back from a backup" in str(synced(hosts.b))


def test_a_run_that_was_published_by_half_does_not_exist(hosts: Hosts) -> None:
    """Its manifest comes last."""
    a = hosts.a
    a.seed(contacts_of(3))
    planned = a.plan(a.mapping(), a.export(rows_of(3))).summary
    Store(hosts.bucket.url).remove(f"runs/{planned.run_id}/manifest.json")
    with pytest.raises(RunFolderError, match="there is no run"):
        hosts.b.apply(planned.run_id)
    with pytest.raises(RunFolderError, match="was removed from"):
        a.apply(planned.run_id)


def test_a_plan_that_was_changed_on_the_store_is_not_carried_out(hosts: Hosts) -> None:
    """What arrives is compared with the plan's hash."""
    a = hosts.a
    a.seed(contacts_of(3))
    run_id = a.plan(a.mapping(), a.export(rows_of(3))).summary.run_id
    key = f"runs/{run_id}/plan/items-0000.parquet"
    Store(hosts.bucket.url).put(key, hosts.bucket.objects()[key] + b" ")
    with pytest.raises(RunFolderError, match="are not those that were planned"):
        hosts.b.apply(run_id)
    assert a.mutations() == []


@pytest.mark.parametrize(
    "url", ["s3://", "bucket/prefix", "https://x/y", "s3://key:secret@bucket", "s3://b u/x", "s3://bucket/x?y"]
)
def test_a_store_that_is_none_is_an_error_of_the_settings(url: str) -> None:
    """Its value is not repeated: somebody may have written credentials into it."""
    with pytest.raises(SettingsError, match="CONSENT_SYNC_STORE") as raised:
        Settings.load(consent_sync_store=url)
    assert "secret" not in str(raised.value)


def test_credentials_are_in_no_file(hosts: Hosts, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Neither on the store, nor in a home, nor in what the command says; nor is the key of the hashes."""
    a = hosts.a
    command = Commands(a, monkeypatch, capsys)
    for name, value in a.more.items():
        monkeypatch.setenv(name.upper(), value)
    a.seed(contacts_of(3))
    said = command("sync", a.mapping(), "--export", a.export(rows_of(3)), "--json")
    hosts.bucket.refuse("all")
    refused = command("sync", a.mapping(), "--export", a.export(rows_of(2)))
    hosts.bucket.allow()
    assert (said.code, refused.code) == (0, 1)
    texts = [said.out + said.err, refused.out + refused.err]
    texts += [readable(path.read_bytes()) for path in a.home.rglob("*") if path.is_file()]
    texts += [text for _, text in hosts.bucket.texts()]
    assert not [text for text in texts if SECRET in text or ACCESS_KEY in text or KEY in text]
    assert key_of(1) not in refused.err


def test_hosts_that_begin_at_the_same_time_agree_on_a_key(hosts: Hosts) -> None:
    """By the ledger's lock: whoever comes first makes it."""
    several = [hosts.another(name) for name in "abcd"]
    with ThreadPoolExecutor(len(several)) as pool:
        list(pool.map(lambda host: run.runs(host.context()), several))
    keys = {(host.home / "evidence" / "key").read_bytes() for host in several}
    assert keys == {hosts.bucket.objects()["evidence/key"]}
