"""Mappings, suppression lists and `.env` files that are broken or made to do damage."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

import pytest

from . import hostile
from .hostile import GB, MAPPING, MB
from .processes import start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_MEGABYTES: Final = 400
LAUGHS: Final = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}' if n else '*a'] * 9)}]" for n in range(20)
)
LISTED: Final = MAPPING + "policy: {suppression: list.txt}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "m.yaml:1: a: the anchor '&a' is not allowed"),
        ("&a [*a]\n", "the alias '*a' is not allowed"),
        ("[" * 900_000, "m.yaml:1: the file has more than 20 levels"),
        ("{a: " * 200_000, "m.yaml:1: the file has more than 20 levels"),
        ("- " * 400_000, "m.yaml:1: the file has more than 20 levels"),
        ("\n".join(" " * depth + "a:" for depth in range(1_000)), "m.yaml:22: the file has more than 20 levels"),
        (MAPPING + "ignore: [" + "a," * 400_000 + "b]\n", "m.yaml:8: the file has more than 50,000 values"),
        ("".join(f"k{n}: 1\n" for n in range(90_000)), "the file has more than 50,000 values"),
        (MAPPING + "ignore: [" + "x" * 2 * MB + "]\n", "larger than the 1,048,576 bytes that a mapping may have"),
        (MAPPING + "# " + "x" * 100 * MB, "larger than the 1,048,576 bytes that a mapping may have"),
        (MAPPING + "version: 1\n" * 50_000, "m.yaml:8: version: the key is given twice, on lines 1 and 8"),
        (MAPPING + "ignore: !!python/object/apply:os.system [exit]\n", "the tag '!!python/object/apply:os.system' is"),
        (MAPPING + 'ignore: ["\0"]\n', "m.yaml:8: the character '\\x00' is not allowed"),
        ("&" + "a" * MB, "larger than the 1,048,576 bytes"),
        ('"' * 900_000, "m.yaml:1: this is not valid YAML"),
    ],
    ids=[
        *("laughs", "recursion", "lists", "objects", "dashes", "indents", "values", "keys", "scalar", "large"),
        *("twice", "tag", "nul", "anchor", "quotes"),
    ],
)
def test_a_mapping_that_is_none_is_refused_in_little_memory(tmp_path: Path, text: str, message: str) -> None:
    """Exit code 2 with file and line, whatever YAML makes of the text."""
    mapping = tmp_path / "m.yaml"
    mapping.write_text(text, encoding="utf-8")
    child = start(tmp_path / "process", {}, "check", str(mapping))
    assert child.wait() == 2, child.out
    assert message in child.err
    assert "Traceback" not in child.err
    assert len(child.err) < 30_000
    assert child.peak_megabytes < MOST_MEGABYTES


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_mapping_in_another_encoding_says_so(tmp_path: Path, encoding: str) -> None:
    """Line 1 is named, since not even its letters are UTF-8."""
    mapping = tmp_path / "m.yaml"
    mapping.write_bytes(MAPPING.encode(encoding))
    child = start(tmp_path / "process", {}, "check", str(mapping))
    assert child.wait() == 2
    assert "m.yaml:1: the file is not UTF-8 text; save it as UTF-8" in child.err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: hostile.repeated(p, b"", b"x", GB), "line 1 of the suppression list"),
        (lambda p: hostile.repeated(p, b"a@example.com\r\n" * 3, b"x", 64 * MB), "line 4 of the suppression list"),
        (lambda p: hostile.sparse(p, b"", GB), "line 1 of the suppression list"),
        (lambda p: p.write_bytes(gzip.compress(b"a@example.com\n" * 9)), "is not UTF-8 text"),
        (lambda p: hostile.repeated(p, b"", b"?\n", 4 * MB), "2,097,152 lines of the suppression list"),
    ],
    ids=["line", "later", "nul", "gz", "short"],
)
def test_a_suppression_list_that_is_none_is_refused_in_little_memory(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    """Exit code 2 with the mapping's line, the list and its line."""
    make(tmp_path / "list.txt")
    mapping = tmp_path / "m.yaml"
    mapping.write_text(LISTED, encoding="utf-8")
    child = start(tmp_path / "process", {}, "check", str(mapping))
    assert child.wait() == 2, child.out
    assert "m.yaml:8: policy.suppression: " in child.err
    assert message in child.err
    assert "Traceback" not in child.err
    assert child.peak_megabytes < MOST_MEGABYTES
    (tmp_path / "list.txt").unlink()


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_a_list_is_read_whole_however_its_lines_end(tmp_path: Path, ending: bytes) -> None:
    """Blocks of a list end between lines: none is torn, none is counted twice."""
    count = 600_000
    lines = (b"%07d@example.com" % number for number in range(count))
    (tmp_path / "list.txt").write_bytes(ending.join(lines) + ending)
    mapping = tmp_path / "m.yaml"
    mapping.write_text(LISTED, encoding="utf-8")
    child = start(tmp_path / "process", {}, "check", str(mapping))
    assert child.wait() == 0, child.err
    assert f"list.txt: {count:,} entries" in child.out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: hostile.repeated(p, b"IVVY_API_KEY=", b"x", GB), ".env: is 1,073,741,837 bytes large, and 262,144"),
        (lambda p: hostile.sparse(p, b"", GB), ".env: is 1,073,741,824 bytes large, and 262,144 are allowed"),
        (lambda p: p.write_bytes(b"\xff\xfeI\0"), ".env: byte 1 is not UTF-8"),
        (lambda p: p.write_bytes(b"ACOUSTIC_CONNECT_URL=" + b"x" * 9_999), "ACOUSTIC_CONNECT_URL: "),
    ],
    ids=["line", "nul", "utf-16", "no url"],
)
def test_an_environment_file_that_is_none_is_refused(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    """Exit code 2 with the file, and nothing of what is in it."""
    process = tmp_path / "process"
    process.mkdir()
    make(process / ".env")
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
    child = start(process, {}, "check", str(tmp_path / "m.yaml"), "--online")
    assert child.wait() == 2, child.out
    assert message in child.err
    assert "Traceback" not in child.err
    assert "xxx" not in child.err
    assert child.peak_megabytes < MOST_MEGABYTES
    (process / ".env").unlink()
