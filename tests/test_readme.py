"""The README is the manual: what follows from the code must be what the code says."""

from __future__ import annotations

import re
from typing import Final

import pytest

from pipeline.model import Outcome
from tests.readme_tables import CODES, ROOT, exit_codes, tables

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(tables()))
def test_every_generated_table_is_current(name: str) -> None:
    """Commands, options, reasons, settings, exit codes and dependencies in the README are those of the code."""
    table = tables()[name]
    assert f"<!-- {name} -->\n\n{table}\n\n<!-- end -->" in README, f"put this under `<!-- {name} -->`:\n\n{table}"


def test_every_exit_code_is_explained() -> None:
    """Each exit code of the error tree has a line, beside 0 and 3, which are no errors."""
    assert exit_codes() | {0, 3} == set(CODES)


def test_every_outcome_is_explained() -> None:
    """The table of outcomes names all eight."""
    for outcome in Outcome:
        assert re.search(rf"^\|.*`{outcome}`.*\|", README, re.MULTILINE), outcome


def test_the_layout_names_what_is_there() -> None:
    """Each module of the layout exists, and each module directly in pipeline/ is in the layout."""
    layout = README.split("## Layout")[1].split("```")[1]
    named = set(re.findall(r"[a-z_]+\.py", layout))
    there = {path.name for path in (ROOT / "pipeline").glob("*.py") if not path.name.startswith("__")}
    assert there <= named, f"not in the layout: {sorted(there - named)}"
    missing = {name for name in named if not list((ROOT / "pipeline").rglob(name))}
    assert not missing, f"in the layout, but not there: {sorted(missing)}"


def test_the_manual_keeps_its_order() -> None:
    """A reader finds the sections where every edition of the manual has them."""
    wanted = [
        "Quick start",
        "Mapping by example",
        "Commands",
        "Outcomes and reason codes",
        "Configuration",
        "Exit codes",
        "Crash and resume",
        "Security and personal data",
        "Operations in Prefect",
        "Scale",
        "Layout",
        "Development",
    ]
    assert re.findall(r"^## (.+)$", README, re.MULTILINE) == wanted


def test_make_targets_of_the_readme_exist() -> None:
    """Every `make TARGET` that the README names is a target."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", README)) <= targets


def test_no_registry_address_is_committed() -> None:
    """The lock pins by name, version and hash alone."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "--hash=sha256:" in lock
    assert not re.search(r"://|--index|--find", lock)
