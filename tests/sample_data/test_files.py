"""The sample data's files: what the generator makes, as often as it says, with addresses that can be nobody's."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from sample_data import generate
from tests.sample_data.ran import MAPPINGS

if TYPE_CHECKING:
    from pathlib import Path

RECORDS: Final = {"acoustic_connect": 5000, "ivvy": 600, "wix": 500}
EVERYWHERE: Final = r"\+1[2-9]\d\d55501\d\d"
PHONES: Final = {
    "acoustic_connect": rf"{EVERYWHERE}|\+442079460\d{{3}}|\+441614960\d{{3}}|\+6125550\d{{4}}",
    "ivvy": EVERYWHERE,
    "wix": EVERYWHERE,
}
DOMAINS: Final = {
    "acoustic_connect": {"example.com", "example.org", "example.net"},
    "ivvy": {"example.com", "example.org"},
    "wix": {"example.com", "example.org"},
}
NAMES: Final = list(generate.DESTINATIONS)


def test_the_files_are_what_the_generator_makes() -> None:
    """Exports, seeds and the README's tables are reproduced byte for byte."""
    for name, content in generate.files().items():
        assert (generate.FOLDER / name).read_bytes() == content, f"{name}: run sample_data/generate.py"


@pytest.mark.parametrize("name", NAMES)
def test_every_oddity_is_planted_as_often_as_the_table_says(name: str) -> None:
    """No story is lost between the table and the export, which has exactly so many records."""
    sample = generate.DESTINATIONS[name].planted()
    stories = Counter(story.oddity for story in sample.stories)

    assert {oddity.name: stories[oddity.name] for oddity in sample.oddities} == {
        oddity.name: oddity.stories for oddity in sample.oddities
    }
    assert len(sample.rows) == RECORDS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_has_its_table_and_its_mappings(name: str) -> None:
    """The README says what is planted for each destination, and the mappings that it speaks of exist."""
    readme = (generate.FOLDER / "README.md").read_text(encoding="utf-8")
    sample = generate.DESTINATIONS[name].planted()

    assert "".join(f"{line}\n" for line in sample.tables()) in readme
    assert [mapping for mapping in sample.mappings if not (MAPPINGS / f"{mapping}.yaml").exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_nobody_shares_an_address_unasked(name: str) -> None:
    """Every invented person has an e-mail address, a number and a key of their own."""
    sample = generate.DESTINATIONS[name].planted()
    people = [story.person for story in (*sample.stories, *sample.strangers)]

    assert len({person.email for person in people}) == len(people)
    assert len({person.phone for person in people}) == len(people)
    assert len({person.key for person in people}) == len(people)


@pytest.mark.parametrize("name", NAMES)
def test_addresses_are_kept_for_examples(name: str) -> None:
    """No address that a destination has at the start can belong to anybody."""
    seed = json.loads((generate.FOLDER / f"{name}.json").read_bytes())
    texts = list(_texts(seed))

    assert {text.rpartition("@")[2] for text in texts if "@" in text} == DOMAINS[name]
    phones = [text for text in texts if text.startswith("+")]
    assert phones
    assert [phone for phone in phones if not re.fullmatch(PHONES[name], phone)] == []


@pytest.mark.parametrize("name", ["ivvy", "wix"])
def test_numbers_of_the_exports_are_kept_for_examples(name: str) -> None:
    """Every whole American number of an export is one of those that are given to nobody."""
    with (generate.FOLDER / generate.DESTINATIONS[name].EXPORT).open(encoding="utf-8", newline="") as file:
        cells = [row["mobile"] or "" for row in csv.DictReader(file)]
    digits = [re.sub(r"\D", "", cell).removeprefix("1") for cell in cells]

    assert [number for number in digits if len(number) == 10 and not re.fullmatch(r"[2-9]\d\d55501\d\d", number)] == []


def _texts(node: Any) -> Any:
    """All texts of a document."""
    if isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _texts(inner)
    elif isinstance(node, str):
        yield node


def test_the_sandbox_takes_several_seeds_and_each_vendor_once(tmp_path: Path) -> None:
    """`--data` may be repeated; two files for one vendor are refused by name, and nothing is served."""
    seeds = [generate.FOLDER / f"{name}.json" for name in NAMES]
    again = tmp_path / "again.json"
    again.write_text('{"wix": {}}', encoding="utf-8")
    files = [word for seed in (*seeds, again) for word in ("--data", str(seed))]
    command = [sys.executable, "-m", "pipeline.sandbox", "--port", "0", *files]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603 - our own
    assert ended.returncode == 2
    assert ended.stderr == f"error: {again}: another file has the data for wix already\n"
