"""Writes the sample data: `python sample_data/generate.py` makes the same bytes every time.

`planted()` of each destination's folder says what is in its files and what a first run of each mapping is to make of
it, without a run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too

from sample_data import acoustic_connect, ivvy, wix

FOLDER: Final = Path(__file__).resolve().parent
DESTINATIONS: Final = {"acoustic_connect": acoustic_connect, "ivvy": ivvy, "wix": wix}
README: Final = "README.md"


def files() -> dict[str, bytes]:
    """Name -> what is in it: an export and a seed for each destination, and the README, whose tables are ours."""
    found: dict[str, bytes] = {}
    for name, destination in DESTINATIONS.items():
        found[destination.EXPORT] = destination.planted().export()
        found[f"{name}.json"] = destination.seed_json()
    return found | {README: readme((FOLDER / README).read_bytes().decode()).encode()}


def readme(text: str) -> str:
    """The README with its tables of oddities and outcomes written anew."""
    for name, destination in DESTINATIONS.items():
        before, begin, rest = text.partition(f"<!-- {name}: written by generate.py -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        text = before + begin + "".join(f"{line}\n" for line in destination.planted().tables()) + end + after
    return text


def main() -> None:
    """Writes all files beside this one."""
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
