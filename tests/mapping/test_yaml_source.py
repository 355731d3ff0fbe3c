"""YAML is read as inert text with line numbers, and what could surprise a reviewer is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.mapping.yaml_source import MAX_DEPTH, MAX_PROBLEMS, native, parse

TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
LEAVES = st.one_of(TEXT, st.booleans(), st.integers(-(10**9), 10**9), st.none())
TREES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXT, below, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(TREES)
def test_json_reads_as_itself(tree: object) -> None:
    """JSON is YAML: what it means is what is read."""
    source = parse(json.dumps(tree))
    assert source.problems == []
    assert native(source.tree) == tree


@settings(deadline=None)
@given(st.text() | st.text(alphabet="ab1:-[]{}\"'&*!|>%#?,. \n\t\r\ufeff\x85\u2028", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing that a file may hold raises, and what is refused has a reason on a line of the file."""
    source = parse(text)
    for problem in source.problems:
        assert problem.problem
        assert problem.line is None or problem.line >= 1


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: &x [1]\n", 2, "the anchor '&x' is not allowed"),
        ("a: *x\n", 1, "the alias '*x' is not allowed"),
        ("a: 1\n<<: *base\n", 2, "the alias '*base' is not allowed"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "the tag '!!python/object/apply:os.system' is not allowed"),
        ("a: !secret x\n", 1, "the tag '!secret' is not allowed"),
        ("a: 1\nb: 2\n\na: 3\n", 4, "the key is given twice, on lines 1 and 4"),
        ("a:\n  - b: 1\n    b: 2\n", 3, "the key is given twice, on lines 2 and 3"),
        ("? [a, b]\n: 1\n", 1, "a key must be a word or text of its own"),
        ("a: 1\n*x : 1\n", 2, "the alias '*x' is not allowed"),
        ("a:\n\tb: 1\n", 2, "a tab stands where YAML needs spaces"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins here"),
        ("a: 'open\n", 2, "this is not valid YAML: found unexpected end of stream"),
        ("a: 1\nb: \x07\n", 2, "the character '\\x07' is not allowed"),
    ],
)
def test_what_could_surprise_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    """Anchors, aliases, tags, repeated keys, odd keys, tabs, second documents and control characters."""
    found = parse(text).problems
    assert (found[0].line, found[0].problem[: len(problem)]) == (line, problem)


def test_an_alias_bomb_is_refused_and_not_expanded() -> None:
    """A few lines that would expand to a billion items cost nothing."""
    rows = ["a: &a [x]"] + [
        f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    source = parse("\n".join(rows))
    assert len(source.problems) == 9 + 80


def test_a_flood_of_problems_is_cut_short() -> None:
    """A file of nothing but repeated keys is given up after a hundred."""
    problems = parse("a: 1\n" * 100_000).problems
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].problem.startswith("there is more like this")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "{", "? "])
def test_depth_is_bounded(opening: str) -> None:
    """A file of opening brackets is refused at a fixed depth, as are keys within keys."""
    (problem,) = parse(opening * 100_000).problems
    assert problem.problem in {f"the file has more than {MAX_DEPTH} levels", "a key must be a word or text of its own"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *(("true", True), ("False", False), ("1", 1), ("-7", -7), ("1.50", 1.5), ("0", 0)),
        *(("yes", "yes"), ("no", "no"), ("on", "on"), ("Y", "Y"), ("NO", "NO"), ("'1'", "1"), ('"true"', "true")),
        *(
            ("0049", "0049"),
            ("12e4", "12e4"),
            ("1_000", "1_000"),
            ("2026-01-31", "2026-01-31"),
            ("9" * 5000, "9" * 5000),
        ),
        *(("~", None), ("null", None), ("", None), ("'null'", "null")),
    ],
)
def test_scalars_are_those_of_yaml_1_2_unless_that_would_change_them(written: str, read: object) -> None:
    """`yes` is text, `true` is not, and what would not read back as it was written stays text."""
    value = native(parse(f"a: {written}").tree)["a"]
    assert (value, type(value)) == (read, type(read))


def test_an_item_of_a_list_keeps_its_text() -> None:
    """Where text is expected, a list gives what was written, even for a null."""
    assert parse("a: [1, true, NULL, ~, 0.50, yes]").tree == {"a": ["1", "true", "NULL", "~", "0.50", "yes"]}


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["", "# a comment", "   ", "#: [", "  # indented"]), min_size=4, max_size=12), st.data()
)
def test_lines_are_those_of_the_keys(fillers: list[str], data: st.DataObject) -> None:
    """Comments and blank lines in between do not move a key's line."""
    rows = ["top:", "  first: 1", "  second: {inner: 2}", "list:", "  - x", "  - y: 3", "last: 'a'"]
    paths = [("top",), ("top", "first"), ("top", "second"), ("list",), ("list", 0), ("list", 1, "y"), ("last",)]
    text: list[str] = []
    expected = {}
    for row, path in zip(rows, paths, strict=True):
        text += data.draw(st.lists(st.sampled_from(fillers), max_size=3))
        text.append(row)
        expected[path] = len(text)
    lines = parse("\n".join(text)).lines
    assert {path: lines[path] for path in paths} == expected
    assert lines["top", "second", "inner"] == expected["top", "second"]
