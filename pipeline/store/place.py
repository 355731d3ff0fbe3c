"""Where a home keeps its tables: in its own folder, or on the store that it belongs to.

HOME/store holds the store's URL, and nothing else: whoever knows the home knows where its state is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import StorageError
from pipeline.store.bucket import Store

MARK: Final = "store"
KEY: Final = "evidence/key"
"""Of a home, and of a store: the key of its hashes."""
FORGOTTEN: Final = "evidence/forgotten"
"""Likewise: who was forgotten."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A folder on a store: where a table is."""

    store: Store
    key: str

    @property
    def name(self) -> str:
        """Its last part."""
        return self.key.rpartition("/")[2]

    def __str__(self) -> str:
        return self.store.uri(self.key)


Place = Path | Stored


def store_of(home: Path) -> Store | None:
    """The store that a home belongs to; None: it keeps everything itself."""
    try:
        return Store((home / MARK).read_text(encoding="utf-8").strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"{home / MARK} cannot be read: {error.strerror}; make it readable") from error


def place_of(home: Path, kind: str, name: str) -> Place:
    """Where one of the tables of a kind is: `state`, `evidence` or `people`."""
    store = store_of(home)
    return home / kind / name if store is None else Stored(store, f"{kind}/{name}")


def places(home: Path, kind: str) -> list[Place]:
    """Where the tables of a kind are, by their names."""
    store = store_of(home)
    if store is None:
        return [path for path in sorted((home / kind).glob("*")) if path.is_dir()]
    return [Stored(store, f"{kind}/{name}") for name in store.folders(kind)]
