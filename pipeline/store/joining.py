"""How a home comes to belong to a store: every command passes here before it reads or writes anything.

All homes of a ledger have the same store, or none. The one writer of an account, which the ledger's lock makes certain
across hosts, is what tables on a store rely on; so a store needs a ledger that hosts share.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pipeline.errors import SettingsError, StorageError
from pipeline.ledger.tables import METADATA
from pipeline.run_folder import FILE_MODE, FOLDER_MODE, storing
from pipeline.store.bucket import Store
from pipeline.store.place import FORGOTTEN, KEY, MARK, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.context import Context
    from pipeline.ledger.ledger import Ledger

STORES: Final = sa.Table("stores", METADATA, sa.Column("url", sa.String, primary_key=True))
"""The store of all homes that share the ledger: one row, or none."""
KEY_BYTES: Final = 32
_JOINING: Final = 0x636F6E74
"""What joining is called among the locks of the database."""


def join(context: Context, ledger: Ledger) -> None:
    """Makes the home one of the store, and takes out of it whoever was forgotten elsewhere meanwhile.

    Raises SettingsError where home, ledger and settings name different stores, or the home has a state of its own.
    """
    url, mine = context.settings.consent_sync_store, store_of(context.home)
    if ledger.is_shared:
        _require_same(url, ledger)
    elif url is not None:
        raise SettingsError(
            "CONSENT_SYNC_STORE is set, and the ledger is a file of this host: hosts that share a store need a ledger "
            "that they share too; set CONSENT_SYNC_DATABASE_URL to a PostgreSQL database"
        )
    if url is None:
        if mine is not None:
            raise SettingsError(
                f"the state of {context.home} is on {mine}, and CONSENT_SYNC_STORE is not set; without it nobody would "
                "know who opted out; set it"
            )
        return
    store = Store(url)
    if mine is None:
        _require_empty(context.home, store)
    elif mine != store:
        raise SettingsError(
            f"the state of {context.home} is on {mine}, and CONSENT_SYNC_STORE is {url}; correct it, or use an empty "
            "home"
        )
    _keep(context.home, _key(store), store)
    from pipeline.store import following

    following.follow(context.home, store)


def joined(context: Context) -> None:
    """Makes a home belong to the store of the settings, for what reads without a ledger."""
    if context.settings.consent_sync_store is not None or store_of(context.home) is not None:
        from pipeline.ledger.ledger import opened

        with opened(context):
            return


def _require_same(url: str | None, ledger: Ledger) -> None:
    """The first home that names a store names it for all, and makes the key of all."""
    named = sa.select(STORES.c.url)
    with ledger.transaction() as connection:
        known = connection.scalar(named)
        if known is None and url is not None:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_JOINING)))
            known = connection.scalar(named)
            if known is None:
                _begin(Store(url))
                connection.execute(STORES.insert().values(url=url))
                return
    if known is not None and known != url:
        found = f"is {url}" if url else "is not set"
        raise SettingsError(
            f"the hosts that share this ledger keep their state on {known}, and CONSENT_SYNC_STORE {found}; without "
            "that state nobody would know who opted out; set it to this"
        )


def _begin(store: Store) -> None:
    """A key for a new store; one that has a state already, as of homes that moved, keeps its own."""
    store.require_bucket()
    if store.read(KEY) is None:
        if store.files("evidence") or store.files("state"):
            raise _lost(store)
        store.put(KEY, secrets.token_bytes(KEY_BYTES))


def _lost(store: Store) -> StorageError:
    return StorageError(
        f"the key {store.uri(KEY)} is missing, and what was hashed with it cannot be found without it; put it back "
        "from a backup"
    )


def _require_empty(home: Path, store: Store) -> None:
    """A state of its own would be left behind, and with it who opted out."""
    own = [f"{kind}/*/_delta_log" for kind in ("state", "evidence", "people")] + [FORGOTTEN]
    if any(True for pattern in own for _ in home.glob(pattern)):
        raise SettingsError(
            f"{home} has a state of its own, which {store} would not have; copy its folders `state`, `evidence`, "
            "`people` and `runs` there and move them away, as the README says under 'State and runs on an object store'"
        )


def _key(store: Store) -> bytes:
    """The key of all homes of the store."""
    key = store.read(KEY)
    if key is None:
        raise _lost(store)
    if len(key) != KEY_BYTES:
        raise StorageError(f"the key {store.uri(KEY)} is not one; put it back from a backup")
    return key


def _keep(home: Path, key: bytes, store: Store) -> None:
    """The home's copy of the key, then the mark by which it belongs to the store."""
    path = home / KEY
    with storing(path):
        if path.exists() and path.read_bytes() != key:
            raise SettingsError(
                f"{path} is another key than that of {store}, so the home is not of this store; use an empty home"
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        for file, content in ((path, key), (home / MARK, f"{store}\n".encode())):
            if not file.exists():
                _write(file, content)


def _write(path: Path, content: bytes) -> None:
    """A file of the home that is whole or absent."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
