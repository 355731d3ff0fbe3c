"""Only one run at a time writes to an account: across homes on a machine, and across machines that share a ledger."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from pipeline import lock
from pipeline.errors import DestinationBusy, StorageError
from tests.delivery.world import contacts_of, key_of, row_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def busy_while(world: World, export: Path, locks: Path, meanwhile: Callable[[], Any]) -> tuple[str, DestinationBusy]:
    """Runs a sync in the world's home, another command in the middle of it; the run's id and what that ended with."""
    ended: list[DestinationBusy] = []

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and not ended:
            with pytest.raises(DestinationBusy) as raised:
                meanwhile()
            ended.append(raised.value)

    result = world.sync(world.mapping(batch_size=1), export, progress=progress, locks=locks)
    assert result.exit_code == 0
    return result.summary.run_id, ended[0]


def test_two_homes_of_a_machine_exclude_each_other(world: World, tmp_path: Path) -> None:
    """The second run ends with exit code 6 and the first one's id, whatever home it works in."""
    world.seed(contacts_of(3))
    export, locks = world.export(rows_of(3)), tmp_path / "locks"
    other = replace(world, path=tmp_path / "other")
    (tmp_path / "other").mkdir()
    world.seed(contacts_of(3))
    run_id, error = busy_while(world, export, locks, lambda: other.sync(other.mapping(), export, locks=locks))
    assert (error.exit_code, run_id in str(error)) == (6, True)
    assert other.sync(other.mapping(), export, locks=locks).exit_code == 0


def test_another_place_with_the_same_account_is_not_held(world: World, tmp_path: Path) -> None:
    """Two sandboxes have the same audience at two addresses."""
    world.seed(contacts_of(3))
    export, locks = world.export(rows_of(3)), tmp_path / "locks"
    seen: list[list[str]] = []

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and not seen:
            seen.append(sorted(path.name for path in locks.iterdir()))

    world.sync(world.mapping(), export, progress=progress, locks=locks)
    elsewhere = replace(world, more={"acoustic_connect_url": world.sandbox.url.replace("127.0.0.1", "localhost")})
    elsewhere.sync(elsewhere.mapping(), export, full=True, locks=locks)
    assert len(list(locks.iterdir())) == len(seen[0]) + 1 == 2


def test_a_crashed_holders_lock_is_dead(tmp_path: Path) -> None:
    """The kernel lets go of it with the process, whatever its file says."""
    path = tmp_path / "x.lock"
    program = (
        "import os, sys, pathlib\nfrom pipeline import lock\n"
        f"with lock.held(pathlib.Path({str(path)!r}), 'x') as held:\n    held.name('crashed')\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    child = subprocess.Popen(  # noqa: S603 - the program above
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(DestinationBusy, match="run crashed"), lock.held(path, "x"):
            pass
        child.kill()
    with lock.held(path, "x"):
        assert "crashed" not in path.read_text()


def _link(path: Path) -> None:
    path.symlink_to(path.parent / "target")


def _second_name(path: Path) -> None:
    path.write_text("")
    (path.parent / "second").hardlink_to(path)


@pytest.mark.parametrize("put", [_link, _second_name, Path.mkdir], ids=["a link", "a second name", "a folder"])
def test_what_somebody_else_put_there_is_no_lock(tmp_path: Path, put: Callable[[Path], None]) -> None:
    """Nothing is written through it."""
    put(tmp_path / "x.lock")
    with pytest.raises(StorageError), lock.held(tmp_path / "x.lock", "x"):
        pass
    assert not (tmp_path / "target").exists()


def test_a_folder_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    """Nor is one that is a link: whoever owns it could let two runs hold one lock."""
    lock.require_own(tmp_path / "fine")
    lock.require_own(tmp_path / "fine")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "fine")
    for name in ("open", "link"):
        with pytest.raises(StorageError, match="this user alone"):
            lock.require_own(tmp_path / name)
    assert lock.machine_folder() == Path(f"/tmp/consent-sync-{os.geteuid()}")


def test_a_lock_whose_file_was_cleared_away_excludes_all_the_same(tmp_path: Path) -> None:
    """Whoever takes it next takes the file that has the name."""
    with lock.held(tmp_path / "x.lock", "x"):
        (tmp_path / "x.lock").unlink()
    with lock.held(tmp_path / "x.lock", "x"), pytest.raises(DestinationBusy), lock.held(tmp_path / "x.lock", "x"):
        pass


def test_two_machines_that_share_a_ledger_exclude_each_other(world: World, tmp_path: Path, postgresql: str) -> None:
    """The message has the run, its process and its host; afterwards the account is free."""
    world.more = {"consent_sync_database_url": postgresql}
    world.seed(contacts_of(3))
    export = world.export(rows_of(3))
    (tmp_path / "other").mkdir()
    other = replace(world, path=tmp_path / "other")
    world.seed(contacts_of(3))
    run_id, error = busy_while(
        world, export, tmp_path / "here", lambda: other.sync(other.mapping(), export, locks=tmp_path / "there")
    )
    assert run_id in str(error)
    assert f"process {os.getpid()} on" in str(error)
    assert other.sync(other.mapping(), export, locks=tmp_path / "there").exit_code == 0


def test_a_run_that_loses_the_ledgers_lock_sends_nothing_more(world: World, postgresql: str) -> None:
    """Its connection is gone, so somebody else may write by now; `resume` goes on."""
    world.more = {"consent_sync_database_url": postgresql}
    world.seed(contacts_of(60))
    engine = sa.create_engine(postgresql.replace("postgresql://", "postgresql+psycopg://"))
    killed: list[int] = []

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "deliver" and not killed:
            with engine.begin() as connection:
                held = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
                killed.append(len(connection.execute(sa.text(held)).all()))

    result = world.sync(world.mapping(batch_size=1), world.export(rows_of(60)), progress=progress)
    engine.dispose()
    assert (result.exit_code, result.summary.status, killed) == (1, "interrupted", [1])
    assert "lock is lost" in str(result.error)
    assert 0 < len(world.mutations()) < 60
    again = world.resume(result.summary.run_id)
    assert (again.exit_code, again.summary.rows.updated) == (0, 60)


def test_the_whole_chain_works_with_a_ledger_on_postgresql(world: World, postgresql: str) -> None:
    """Runs, quarantine, evidence and erasure."""
    world.more = {"consent_sync_database_url": postgresql}
    world.seed(contacts_of(3))
    mapping = world.mapping()
    first = world.sync(mapping, world.export([*rows_of(3), row_of(4, email_opt_in="N", at="")]))
    assert (first.summary.rows.updated, first.summary.quarantine.waiting) == (3, 1)
    world.seed(contacts_of(4))
    second = world.sync(mapping, world.export(rows_of(3, first_name="X")))
    assert (second.exit_code, second.summary.quarantine.retried, world.status(key_of(4))) == (0, 1, "OPT_OUT")
    assert world.report(second.summary.run_id).summary.balanced
    assert world.resume(second.summary.run_id).exit_code == 0


def test_what_failed_on_one_machine_is_not_lost_to_another(world: World, tmp_path: Path, postgresql: str) -> None:
    """Another home that shares the ledger has no row of it: it says so, and the next run here tells the opt-out."""
    world.more = {"consent_sync_database_url": postgresql}
    world.seed(contacts_of(3))
    (tmp_path / "other").mkdir()
    other = replace(world, path=tmp_path / "other")
    world.seed(contacts_of(3))
    world.sync(world.mapping(), world.export([row_of(4, email_opt_in="N")]))
    there = other.sync(other.mapping(), other.export(rows_of(3))).summary.quarantine
    assert (there.lost, there.elsewhere, there.waiting) == (0, 1, 0)
    assert "in other homes" in "".join(there.lines())
    world.seed(contacts_of(4))
    here = world.sync(world.mapping(), world.export(rows_of(2, first_name="X"))).summary.quarantine
    assert (here.retried, here.elsewhere, world.status(key_of(4))) == (1, 0, "OPT_OUT")


def test_the_commands_work_with_a_ledger_on_postgresql(
    world: World, command: Commands, monkeypatch: pytest.MonkeyPatch, postgresql: str
) -> None:
    """Runs are listed, evidence is proved, somebody is forgotten, and a run is reverted."""
    monkeypatch.setenv("CONSENT_SYNC_DATABASE_URL", postgresql)
    world.seed(contacts_of(3))
    mapping, export = world.mapping(), world.export([*rows_of(3), row_of(4, email_opt_in="N")])
    run_id = command("sync", mapping, "--export", export, "--json").document["run_id"]
    assert [row["run_id"] for row in command("runs", "--json").document] == [run_id]
    assert command("quarantine", "--json").document["waiting"] == 1
    assert command("evidence", "--verify").code == 0
    reverted = command("revert", run_id, "--json").document
    assert command("apply", reverted["run_id"]).code in (0, 3)
    assert command("forget", key_of(4)).code == 0
    assert command("evidence", "--verify").code == 0
    assert command("quarantine", "--json").document["waiting"] == 0
