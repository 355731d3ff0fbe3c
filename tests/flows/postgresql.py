"""A PostgreSQL of the machine's own. Prefect needs its extension pg_trgm, which embedded servers do not have."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES: Final = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """Where a PostgreSQL's programs are that has pg_trgm and may be started by this user."""
    if os.geteuid() == 0 and not any(user.pw_name == "postgres" for user in pwd.getpwall()):
        return None
    for folder in PACKAGES.glob("*/bin"):
        share = Path("/usr/share/postgresql") / folder.parent.name / "extension" / "pg_trgm.control"
        if share.exists() and (folder / "initdb").exists():
            return folder
    return None


@contextmanager
def started(found: Path) -> Iterator[str]:
    """A server with an empty database, reached by a socket in a folder of its own; yields its URL."""
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, user)

        def run(program: str, *words: str) -> None:
            command = [str(found / program), "-D", str(folder / "data"), *words]
            subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder, timeout=120)  # noqa: S603

        run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses=", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={quote(str(folder))}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
