"""The environment that other tools live in: their dependencies are not ours."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

PACKAGES: Final = ("dlt==1.31.0", "singer-sdk==0.54.9", "httpx>=0.28,<0.29", "phonenumbers>=9.0,<10")


def interpreter() -> Path:
    """Its Python; the environment is made the first time. Raises CalledProcessError where that fails."""
    folder = Path(tempfile.gettempdir()) / "consent-sync-benchmarks" / "peers"
    python, ready = folder / "bin" / "python", folder / "ready"
    wanted = "\n".join(PACKAGES)
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        sys.stderr.write(f"installing {', '.join(PACKAGES)} into {folder}\n")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603 - our own arguments
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)  # noqa: S603 - as above
        ready.write_text(wanted, encoding="utf-8")
    return python
