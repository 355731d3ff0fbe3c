"""The `forget` command: takes a person out of everything that the home keeps, but for the chain, which names nobody.

First the keyed hashes are kept by which planning knows them, so that no run brings them back meanwhile; then the
ledger, the runs, the state and the table of people are cleared. What was stopped halfway goes on when run again.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline import delta, lock, single_writer
from pipeline.erasure import audits
from pipeline.erasure import ledger as ledger_erasing
from pipeline.erasure.erasing import Person, Traced, addresses_in, erase, trace
from pipeline.erasure.forgotten import Forgotten
from pipeline.errors import UsageError
from pipeline.ledger.ledger import opened
from pipeline.ledger.sequence import overtaken_by
from pipeline.model import Column, RunStatus
from pipeline.run_folder import ERASING, MANIFEST, RunFolder
from pipeline.state import BUCKET
from pipeline.store import fetching
from pipeline.store.place import places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.ledger.ledger import Ledger
    from pipeline.store.place import Place

WAITING: Final = frozenset({RunStatus.PLANNED, RunStatus.STOPPED, RunStatus.INTERRUPTED})

TELLING: Final = 6
"""Characters of an identity that a message is searched for: a shorter one may stand for anything."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was taken out of the home, in numbers."""

    runs: tuple[str, ...]
    records: int
    tables: int
    audits: int
    """Files of differences that `verify` found."""
    addresses: int
    shared: int
    """Contacts of another identity who have one of the addresses."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "forgotten": True,
            "runs": list(self.runs),
            "records": self.records,
            "tables": self.tables,
            "audits": self.audits,
            "addresses": self.addresses,
            "shared": self.shared,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        audits = f" and {self.audits} files of `verify`" if self.audits else ""
        yield f"forgotten: {self.records:,} records of {len(self.runs)} runs, and out of {self.tables} tables{audits}"
        yield f"it may only be opted out from now on, by its identity or its {self.addresses} known addresses"
        if self.shared:
            yield (
                f"{self.shared} contacts of another identity have one of these addresses; they may only be opted out "
                "too, and what is kept of them stays: forget them by their own identity if they are the same person"
            )
        yield "what this cannot reach: backups, exports outside the home, logs, and the destination itself"


def forget(identity: str, context: Context) -> Erasure:
    """Raises UsageError, with nothing removed, where nobody is known by it or a run with it may still go on."""
    with opened(context) as ledger, ExitStack() as held:
        for destination, account in sorted(_accounts(context.home, ledger)):
            held.enter_context(single_writer.holding(context, ledger, destination, account))
        held.enter_context(fetching.all_here(context.home))
        return _forget(identity, context, ledger)


def _forget(identity: str, context: Context, ledger: Ledger) -> Erasure:
    home, list_of = context.home, Forgotten(context.home)
    folders = _runs(home)
    tables = [path for kind in ("state", "people") for path in places(home, kind) if delta.exists(path)]
    known = list_of.knows(identity)
    person = _person(identity, folders, tables, home)
    if known:
        person = replace(person, addresses=person.addresses | _left(tables, list_of))
    all_runs = [trace(folder, person) for folder in folders]
    traced = [found for found in all_runs if found.records or found.manifest.erased == ERASING]
    kept = [path for path in tables if _mentions(path, person)]
    audited = [path for path in audits.kept(home) if not audits.read(path).filter(person.named()).is_empty()]
    if not (traced or kept or audited or known):
        raise UsageError(
            f"nothing is known of this identity under {home}; write it as in the export; nothing was removed"
        )
    if waiting := [found.folder.run_id for found in all_runs if _may_go_on(found, ledger)]:
        raise UsageError(
            f"runs that hold this contact may still go on: {', '.join(waiting)}; resume or apply them, or delete their "
            "folders, and forget it then; nothing was removed"
        )
    shared = _shared(tables, person)
    perform = context.perform
    list_of.add(person.identities | person.addresses)
    _require_none_since(home, folders)
    for found in traced:
        run_id = found.folder.run_id
        perform(f"clear the ledger of {run_id}", partial(ledger_erasing.erase, ledger, run_id, found.records))
        erase(found, context, ledger)
    telling = {text for text in person.identities | person.addresses if len(text) >= TELLING}
    perform("clear the ledger of mentions", partial(ledger_erasing.erase_mentions, ledger, telling))
    for path in audited:
        perform("clear an audit", partial(audits.clear, path, person.named()))
    for table in kept:
        perform("clear a table", partial(_clear, table, person))
    perform("compact the ledger", partial(ledger_erasing.compact, ledger))
    return Erasure(
        runs=tuple(found.folder.run_id for found in traced),
        records=sum(len(found.records) for found in traced),
        tables=len(kept),
        audits=len(audited),
        addresses=len(person.addresses),
        shared=shared,
    )


def _accounts(home: Path, ledger: Ledger) -> set[tuple[str, str]]:
    """Every destination and account of the home, each once by the name of its lock."""
    names = {path.name for kind in ("state", "people", "evidence") for path in places(home, kind)}
    known = {lock.name_of(row["destination"], row["account"]): row for row in ledger.runs()}
    rest = [name.partition("-") for name in names - set(known)]
    return {(row["destination"], row["account"]) for row in known.values()} | {(one, last) for one, _, last in rest}


def _runs(home: Path) -> list[RunFolder]:
    """All runs. Raises UsageError for a folder whose plan is not sealed: nobody can say whom it holds."""
    folders = [path for path in sorted(home.glob("runs/*")) if path.is_dir()]
    unsealed = [path.name for path in folders if not (path / MANIFEST).is_file()] + fetching.half_published(home)
    if unsealed:
        raise UsageError(
            f"these runs are being planned, or were stopped before their plan was sealed: {', '.join(unsealed)}; wait "
            "for them, or delete their folders; nothing was removed"
        )
    return [RunFolder(path) for path in folders]


def _require_none_since(home: Path, folders: list[RunFolder]) -> None:
    """Raises UsageError where another host has planned meanwhile: from now on every plan knows the list."""
    since = fetching.others_than(home, {folder.run_id for folder in folders})
    if since:
        raise UsageError(f"planned by another host meanwhile: {', '.join(since)}; forget it again to finish")


def _person(text: str, folders: list[RunFolder], tables: list[Place], home: Path) -> Person:
    """Whom the text names: the identity as it is, else the only one that differs by case or has the address."""
    lower = text.strip().lower()
    people = [rows for path in tables if "address" in (rows := _read(path)).columns]
    alike = pl.col(Column.IDENTITY).str.to_lowercase() == lower
    plans = [folder.read_plan("records", s, alike) for folder in folders for s in range(folder.manifest().shards)]
    everywhere = [*plans, *(_read(path) for path in tables), *(audits.read(path) for path in audits.kept(home))]
    found = {name for rows in everywhere for name in rows.filter(alike).get_column(Column.IDENTITY)}
    if not found:
        found = {name for rows in people for name in rows.filter(pl.col("address") == lower).get_column("identity")}
    if text.strip() in found or not found:
        found = {text.strip()}
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} contacts are meant by this, by their address or in another case; name one by its identity "
            "as in the export; nothing was removed"
        )
    identities = frozenset(found)
    mine = pl.col(Column.IDENTITY).is_in(sorted(identities))
    addresses = {address for rows in people for address in rows.filter(mine).get_column("address").drop_nulls()}
    for folder in folders:
        addresses |= addresses_in(folder, identities)
    return Person(identities, frozenset(addresses))


def _left(tables: list[Place], list_of: Forgotten) -> set[str]:
    """Addresses of people who were forgotten and are still in a table: of an erasure that was stopped halfway."""
    people = [rows for path in tables if "address" in (rows := _read(path)).columns]
    left = [rows.join(list_of.strangers(rows), on=rows.columns, how="anti", nulls_equal=True) for rows in people]
    return {address for rows in left for address in rows.get_column("address").drop_nulls()}


def _read(path: Place) -> pl.DataFrame:
    with delta.using(path):
        return delta.scan(path).collect()


def _may_go_on(found: Traced, ledger: Ledger) -> bool:
    """Whether `apply` or `resume` would still send something with the contact: nothing later has made it stale."""
    if (
        not (found.records or found.reaches)
        or found.manifest.erased
        or overtaken_by(ledger, found.folder.run_id) is not None
    ):
        return False
    unsettled = any(not row.clear for row in ledger.batches(found.folder.run_id).values())
    return found.manifest.status in WAITING or unsettled


def _mentions(path: Place, person: Person) -> bool:
    """Whether any version of a table has the person, or its log, which holds the least and the greatest value."""
    with delta.using(path):
        names = delta.files(path)
        for name in names:
            if name.startswith(delta.LOG) or not name.endswith(".parquet"):
                continue
            rows = delta.scan_file(path, name)
            if not rows.filter(person.named()).head(1).collect().is_empty():
                return True
        logs = pl.Series(
            [delta.content(path, name) for name in names if name.startswith(delta.LOG) and name.endswith(".json")],
            dtype=pl.String,
        )
    return bool(logs.to_frame("text").select(person.spoken_of("text").any()).item())


def _shared(tables: list[Place], person: Person) -> int:
    """How many contacts of another identity have one of the person's addresses."""
    same = pl.col("address").is_in(sorted(person.addresses)) & ~person.named()
    people = [rows for path in tables if "address" in (rows := _read(path)).columns]
    return len({name for rows in people for name in rows.filter(same).get_column(Column.IDENTITY)})


def _clear(path: Place, person: Person) -> None:
    rows = _read(path)
    delta.replace(path, rows.filter(~person.named()), [BUCKET] if BUCKET in rows.columns else [])
