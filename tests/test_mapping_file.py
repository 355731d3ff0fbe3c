"""Mapping files as the rest of the program meets them: loaded, or refused with everything that is wrong."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import mapping_file as mf
from pipeline.errors import MappingError, MappingErrors, UsageError
from pipeline.mapping.yaml_source import parse
from pipeline.model import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

FULL = (Path(__file__).parent / "mapping" / "full.yaml").read_text(encoding="utf-8")
COLUMNS = (
    *("contact_id", "email", "mobile", "first_name", "dob"),
    *("email_opt_in", "email_opt_in_at", "email_opt_in_source", "sms_opt_in"),
)


def read(text: str) -> mf.MappingFile:
    """The mapping of a text, as the file `a.yaml`."""
    return mf.read(text.encode(), Path("a.yaml"))


def messages(action: Callable[[], object]) -> list[str]:
    """What is wrong, a message each."""
    with pytest.raises(MappingErrors) as caught:
        action()
    assert str(caught.value).splitlines() == [str(error) for error in caught.value.errors][: MappingErrors.SHOWN]
    return [str(error) for error in caught.value.errors]


def refused(text: str) -> list[str]:
    """Everything that is wrong with a text."""
    return messages(lambda: read(text))


def test_a_full_mapping_is_read_as_it_is_written() -> None:
    """Every section arrives with its values; names alone stand for columns, unquoted words for themselves."""
    mapping = read(FULL).mapping
    assert mapping.options == {"data_set_id": "4fe4136f-c007-44a3-b38f-922200000000", "current": True, "page": 50}
    assert mapping.source.null_values == ("", "NULL")
    assert mapping.addresses[Channel.SMS].region == "US"
    assert mapping.attributes["First Name"] == mf.AttributeColumn(column="first_name")
    assert mapping.consent is not None
    assert mapping.consent.channels is not None
    email, sms = mapping.consent.channels.values()
    assert email.values == {
        "OPT_IN": ("Y", "yes", "1", "true"),
        "OPT_OUT": ("N", "no", "0", "false"),
        "OPT_IN_UNVERIFIED": ("pending",),
    }
    assert (email.at, sms.source) == (mf.At(column="email_opt_in_at"), mf.Evidence(const="store form"))
    assert (mapping.delivery.requests_per_second, mapping.guards.row_count_change) == (2.5, None)
    assert mapping.ignore == ("internal_note", "2024")
    assert mapping.columns() == COLUMNS


def test_what_is_left_out_has_the_documented_default() -> None:
    """The defaults are those of the documented example; some are the destination's to choose."""
    mapping = read("{version: 1, destination: wix, policy: {write: [attributes]}}").mapping
    assert mapping.policy.model_dump(exclude={"write"}) == {
        "unknown_value": "hold",
        "duplicates": "latest",
        "resubscribe": "never",
        "require_evidence": (),
        "suppression": None,
        "witnesses": ("export", "state", "destination"),
    }
    assert mf.Policy().write == ("attributes", "consent")
    assert mapping.delivery == mf.Delivery(mode=None, batch_size=None, concurrency=4, requests_per_second=None)
    assert mapping.guards.model_dump() == {
        "max_opt_out_share": 0.05,
        "max_opt_in_share": 0.20,
        "max_reject_share": 0.10,
        "row_count_change": 0.30,
        "max_opt_outs": None,
        "max_opt_ins": None,
        "first_run": None,
    }
    assert mapping.source.model_dump() == {
        "format": None,
        "encoding": "utf-8",
        "delimiter": None,
        "null_values": ("", "NULL"),
    }


def test_a_mapping_cannot_be_changed() -> None:
    """A mapping is a value."""
    with pytest.raises(pydantic.ValidationError):
        read(FULL).mapping.version = 1


def test_the_checksum_is_of_the_bytes(tmp_path: Path) -> None:
    """A byte order mark and Windows line ends are read, and are part of the checksum."""
    content = b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode()
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    loaded = mf.load(path)
    assert (loaded.mapping, loaded.sha256) == (read(FULL).mapping, hashlib.sha256(content).hexdigest())
    assert loaded.path == path
    assert loaded.line_of("identity") == 11


def test_everything_wrong_is_said_at_once_with_line_and_nearest_match() -> None:
    """Each message names file, line, path, what was found, what is allowed, and what was probably meant."""
    assert refused(
        "version: 2\n"
        "destination: acoustic_conect\n"
        "identity: {colum: contact_id}\n"
        "consent:\n"
        "  channels:\n"
        "    EMIAL: {const: OPT_OUT}\n"
        "    SMS: {column: sms, values: {OPTOUT: [N]}}\n"
        "policy: {unknown_value: hodl, write: []}\n"
        "delivery: {batch_size: many, concurrency: 0}\n"
        "guards: {max_opt_in_share: 2}\n"
        "ignore: note\n"
    ) == [
        "a.yaml:1: version: found 2; allowed: 1",
        (
            "a.yaml:2: destination: found 'acoustic_conect'; allowed: acoustic_connect, ivvy, wix; "
            "did you mean 'acoustic_connect'?"
        ),
        (
            "a.yaml:3: identity.colum: unknown key 'colum'; allowed: column, attribute, first_name, last_name, "
            "email, id; did you mean 'column'?"
        ),
        (
            "a.yaml:6: consent.channels.EMIAL: unknown channel 'EMIAL'; allowed: EMAIL, SMS, WHATSAPP; "
            "did you mean 'EMAIL'?"
        ),
        (
            "a.yaml:7: consent.channels.SMS.values.OPTOUT: unknown status 'OPTOUT'; allowed: OPT_IN, OPT_OUT, "
            "OPT_IN_UNVERIFIED, CLEAR, BOUNCED, NO_MARKETING, FAILED, NEVER_CONFIRMED, UNKNOWN_STATE; "
            "did you mean 'OPT_OUT'?"
        ),
        "a.yaml:8: policy.write: found an empty list; at least one is needed",
        "a.yaml:8: policy.unknown_value: found 'hodl'; allowed: hold, reject; did you mean 'hold'?",
        "a.yaml:9: delivery.batch_size: found 'many'; a whole number is needed",
        "a.yaml:9: delivery.concurrency: found 0; it must be at least 1",
        "a.yaml:10: guards.max_opt_in_share: found 2; it must be at most 1",
        "a.yaml:11: ignore: found 'note'; a list is needed, such as [a, b]",
    ]


def test_problems_of_the_yaml_and_of_the_mapping_are_said_together() -> None:
    """A repeated key does not hide an unknown one, and is not reported a second time as something else."""
    text = FULL.replace("version: 1\n", "version: 1\nversion: 3\nextra: &a 1\n")
    assert [message.split(";")[0] for message in refused(text)] == [
        "a.yaml:3: version: the key is given twice, on lines 2 and 3",
        "a.yaml:4: extra: the anchor '&a' is not allowed",
    ]


def test_what_is_missing_is_named() -> None:
    """A required key says what it may be."""
    assert refused("{}") == [
        "a.yaml: version: missing; allowed: 1",
        "a.yaml: destination: missing; allowed: acoustic_connect, ivvy, wix",
        "a.yaml: consent: missing: add `consent`, or write attributes only with `policy: {write: [attributes]}`",
    ]
    assert refused(FULL.replace("{column: sms_opt_in, ", "{"))[0].startswith("a.yaml:25: consent.channels.SMS:")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "a.yaml: the file is empty"),
        (b"# only a comment\n", "a.yaml: the file is empty"),
        (b"- a\n- b\n", "a.yaml: found a list; a mapping has keys"),
        (b"just text", "a.yaml: found 'just text'; a mapping has keys"),
        (b"a: 1\nb: \xff\xfe\n", "a.yaml:2: the file is not UTF-8 text"),
        (FULL.encode("utf-16"), "a.yaml:1: the file is not UTF-8 text"),
        (b"#" * (mf.MAX_BYTES + 1), "a.yaml: the file is larger than the 1,048,576 bytes"),
        (b"a:\n\tb: 1\n", "a.yaml:2: a tab stands where YAML needs spaces"),
        (b"\x00", "a.yaml:1: the character '\\x00' is not allowed"),
    ],
)
def test_what_is_no_mapping_is_refused(content: bytes, problem: str) -> None:
    """Empty, not keys and values, not text, too large: one message."""
    (message,) = messages(lambda: mf.read(content, Path("a.yaml")))
    assert message.startswith(problem)


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    """A missing file and a folder are told apart."""
    assert messages(lambda: mf.load(tmp_path / "none.yaml")) == [f"{tmp_path}/none.yaml: there is no such file"]
    assert "the file cannot be read" in messages(lambda: mf.load(tmp_path))[0]
    assert issubclass(MappingErrors, UsageError)


def test_messages_stay_short_and_on_one_line() -> None:
    """Long or odd text in a mapping cannot forge lines or flood a terminal."""
    (message,) = refused(FULL.replace("mode: update", f'mode: "update\\na.yaml:1: forged\\e[31m{"x" * 1000}"'))
    assert "\n" not in message
    assert "\x1b" not in message
    assert len(message) < 250
    many = FULL + "".join(f"k{n}: 1\n" for n in range(70))
    with pytest.raises(MappingErrors, match=r"and 20 more$") as caught:
        read(many)
    assert len(caught.value.errors) == 70


def test_errors_of_later_checks_name_the_line_too() -> None:
    """Whoever finds a problem later reports it at the same place; an absent key has its parent's line."""
    loaded = read(FULL)
    assert loaded.line_of("consent", "channels", "SMS", "column") == 25
    assert loaded.line_of("consent", "channels", "WHATSAPP") == 19
    assert loaded.line_of("source", "null_values", 1) == 10
    assert loaded.line_of("nothing") is None
    error = loaded.error(("attributes", "Birthday", "type"), "it is TEXT in the audience")
    assert isinstance(error, MappingError)
    assert str(error) == "a.yaml:17: attributes.Birthday.type: it is TEXT in the audience"


def test_checking_a_mapping_imports_nothing_heavy() -> None:
    """A check answers at once: no data frames, no flows, no phone metadata, no HTTP."""
    code = "import sys, pipeline.mapping_file; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - our own interpreter
    heavy = {"polars", "prefect", "phonenumbers", "httpx", "sqlalchemy", "rapidfuzz", "pyarrow"}
    assert heavy & set(loaded) == set()


WORDS = st.text(alphabet=st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=12)
KEYS = ["[key]", "EMAIL", "column", "values", "const", "channels", "groups", "OPT_IN", "at", "source", "other"]
CELLS = st.lists(WORDS.filter(lambda cell: cell.strip()), min_size=1, max_size=3)


@st.composite
def mappings(draw: st.DrawFn) -> mf.Mapping:
    """Mappings that are right, with names and cells of any text."""
    columns = iter(draw(st.lists(WORDS, min_size=9, max_size=9, unique=True)))
    no = draw(CELLS)
    yes = [cell for cell in draw(CELLS) if mf.cell_key(cell) not in {mf.cell_key(other) for other in no}]
    values = {"OPT_OUT": no, "OPT_IN": yes} if yes else {"OPT_OUT": no}
    at = {"column": next(columns), "timezone": draw(st.sampled_from(["UTC", "Europe/Berlin"]))}
    target = {
        "column": next(columns),
        "values": values,
        "at": at,
        "source": draw(st.sampled_from([{"const": "form"}, None])),
    }
    attributes = draw(st.dictionaries(WORDS, st.just({"column": next(columns), "type": "text"}), max_size=3))
    return mf.Mapping.model_validate(
        {
            "version": 1,
            "destination": "acoustic_connect",
            "options": draw(st.dictionaries(WORDS, WORDS | st.booleans() | st.integers(-9999, 9999), max_size=3)),
            "source": {"null_values": []},
            "identity": {"column": next(columns)},
            "attributes": attributes,
            "consent": draw(st.sampled_from([{"channels": {"SMS": target}}, {"groups": {"News": target}}])),
            "guards": {"max_opt_in_share": draw(st.floats(0, 1))},
            "ignore": [next(columns)],
        }
    )


@settings(deadline=None)
@given(mappings())
def test_a_mapping_that_is_written_out_reads_as_itself(mapping: mf.Mapping) -> None:
    """Writing a mapping as JSON, which is YAML, and reading it again changes nothing."""
    assert read(json.dumps(mapping.model_dump(mode="json", exclude_none=True))).mapping == mapping


@settings(deadline=None)
@given(st.data())
def test_any_damage_to_a_mapping_is_reported_and_never_a_crash(data: st.DataObject) -> None:
    """Text put in, or taken out, anywhere: the file still reads, or every message names the file."""
    start = data.draw(st.integers(0, len(FULL)))
    end = data.draw(st.integers(start, min(len(FULL), start + 12)))
    damaged = (
        FULL[:start]
        + data.draw(st.text(max_size=6) | st.sampled_from(["[key]", ": ", "\n- ", "{", "&a ", "null"]))
        + FULL[end:]
    )
    try:
        read(damaged)
    except MappingErrors as errors:
        assert all(re.match(r"a\.yaml(:\d+)?: \S", str(error)) for error in errors.errors)  # noqa: PT017 - raising is optional
        assert all((error.line or 1) <= damaged.count("\n") + damaged.count("\r") + 3 for error in errors.errors)  # noqa: PT017


LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    ["", "x", "[key]", "EMAIL", "OPT_IN", "column", 0, -1, 1.5, True, None, [], {}]
)
VALUES = st.recursive(LEAVES, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.sampled_from(KEYS), v, max_size=2))


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container of a tree with each of its keys or positions."""
    here = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    return [(tree, key) for key, _ in here] + [place for _, below in here for place in places(below)]


@settings(deadline=None)
@given(st.data())
def test_any_value_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    """A wrong kind of value, or an unknown key, at any place of the mapping is an error of ours with its path."""
    tree = parse(FULL).tree
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(tree)))
        if isinstance(container, dict) and data.draw(st.booleans()):
            container[data.draw(st.sampled_from(KEYS))] = data.draw(VALUES)
        else:
            container[key] = data.draw(VALUES)
    try:
        read(json.dumps(tree))
    except MappingErrors as errors:
        assert all("Input should" not in str(error) for error in errors.errors)  # noqa: PT017 - raising is optional


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Nothing but our own errors comes out."""
    with pytest.raises(MappingErrors):
        mf.read(content, Path("a.yaml"))
