"""The key of a home's hashes: by it, and by nothing else, an identity leads to what the home keeps of it."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Final

from pipeline.errors import StorageError
from pipeline.run_folder import FILE_MODE, FOLDER_MODE, storing

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES: Final = 32


def key_of(home: Path, *, made: bool = False) -> bytes:
    """The key under HOME/evidence. `made`: it is made where there is none, unless something was hashed with one.

    Raises StorageError where it is lost: under another key nobody would be found again, and whoever was forgotten
    would be a stranger.
    """
    path = path_of(home)
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        if not made or _in_use(home):
            raise StorageError(
                f"the key {path} is missing, and what was hashed with it cannot be found without it; put it back "
                "from a backup"
            ) from None
        return _make(path)
    except OSError as error:
        raise StorageError(f"the key {path} cannot be read: {error.strerror}; make it readable") from error
    if len(key) != KEY_BYTES:
        raise StorageError(f"the key {path} is not one; put it back from a backup")
    return key


def path_of(home: Path) -> Path:
    """Where the key is."""
    return home / "evidence" / "key"


def name_of(key: bytes) -> str:
    """What a home is called in a ledger that several share: it tells nothing of the key."""
    return hashlib.sha256(b"consent-sync home " + key).hexdigest()[:32]


def home_name(home: Path) -> str | None:
    """A home's name in the ledger; None: it has no key yet. Raises StorageError where the key is lost."""
    return name_of(key_of(home)) if path_of(home).exists() or _in_use(home) else None


def _in_use(home: Path) -> bool:
    return any((home / "evidence").glob("*/_delta_log")) or (home / "evidence" / "forgotten").exists()


def _make(path: Path) -> bytes:
    """Whoever comes first makes it; all others read what it made."""
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        temporary = path.with_name(f"key.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        return path.read_bytes()
