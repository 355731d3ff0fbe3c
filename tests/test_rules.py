"""Every vendor rule that the product claims to honour is shown by a test that names it."""

from __future__ import annotations

import importlib
import re
from typing import Final

from pipeline.destinations import DESTINATIONS
from tests.readme_tables import ROOT

RULES: Final = re.compile(r"^\s+([A-Z]{2}-\d{2})  ", re.MULTILINE)
MARK: Final = re.compile(r"""\brule\(\s*["']([A-Z]{2}-\d{2})["']""")


def rules_of(destination: str) -> set[str]:
    """The ids in the docstring of a destination's package."""
    return set(RULES.findall(importlib.import_module(f"pipeline.destinations.{destination}").__doc__ or ""))


def test_every_destination_lists_its_rules() -> None:
    """No destination is added without saying which of the vendor's rules it honours."""
    assert {name: len(rules_of(name)) for name in DESTINATIONS} == {
        "acoustic_connect": 17,
        "ivvy": 14,
        "wix": 12,
    }


def test_every_rule_is_tested() -> None:
    """Each rule that a destination claims is the mark of at least one test."""
    claimed = {rule for name in DESTINATIONS for rule in rules_of(name)}
    named = {rule for path in (ROOT / "tests").rglob("test_*.py") for rule in MARK.findall(path.read_text("utf-8"))}
    assert claimed - named == set()
