"""What every destination must do, whatever it is called: a destination's own test is its `Subject` and its oddities.

A subject says how contacts are seeded, what is stored of them, and which requests write; everything else is alike.
Contact `n` has the identity `C-000n`, the address `c000n@example.com`, an e-mail consent and a note.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import httpx
import pytest

from pipeline import mapping_file, run
from pipeline.context import Context, Request
from pipeline.destinations.kept_audience import audience_from_json, audience_json
from pipeline.errors import DestinationError, MappingErrors, Refused
from pipeline.model import Column
from pipeline.planning import deciding, drafting
from pipeline.sandbox.server import Sandbox
from pipeline.session import connect
from pipeline.settings import Settings
from pipeline.stages.reconcile import FOUND, Found, compare
from pipeline.subject import Subject as Bound
from pipeline.subject import bound, destination_of
from pipeline.transport.sending import Patience
from pipeline.verifying import Audit, verify
from tests.delivery.world import read_csv, write_export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import polars as pl

    from pipeline.carried_out import Result
    from pipeline.sandbox.journal import Entry
    from pipeline.session import Session

QUICK: Final = Patience(attempts=4, first_wait_seconds=0.002, longest_wait_seconds=0.01, limit_seconds=60)
HEADER: Final = ("id", "email", "first", "last", "note", "ok", "at", "src")
GUARDS: Final = "guards: {max_opt_out_share: 1, max_opt_in_share: 1, max_reject_share: 1, row_count_change: 1000}"
POLICY: Final = "policy: {resubscribe: with_newer_evidence}"
NOW: Final = "2026-01-02T03:04:05Z"
COUNT: Final = 24

FAULTS: Final[dict[str, dict[str, Any]]] = {
    "reset before the write": {"fault": "reset", "at": "before_write"},
    "reset after the write": {"fault": "reset", "at": "after_write"},
    "reset in the middle of the answer": {"fault": "reset", "at": "mid_answer"},
    "the gateway gives up after the write": {"fault": "gateway_timeout", "write": True},
    "500 after the write": {"fault": "server_error", "status": 500, "write": True},
    "503 with a page of HTML": {"fault": "server_error", "status": 503},
    "half of the JSON": {"fault": "truncated_json"},
    "no JSON": {"fault": "invalid_json"},
    "a page in place of JSON": {"fault": "content_type"},
    "429 without Retry-After": {"fault": "throttle"},
    "429 with Retry-After": {"fault": "throttle", "retry_after": 0.01},
}


def key_of(number: int) -> str:
    """The identity of an invented contact."""
    return f"C-{number:04d}"


def address_of(number: int) -> str:
    """The e-mail address of an invented contact."""
    return f"c{number:04d}@example.com"


def row_of(number: int, ok: str = "Y", **cells: str) -> dict[str, str]:
    """An export's row of an invented contact; numbers divisible by five opt out unless `ok` says otherwise."""
    known = {"id": key_of(number), "email": address_of(number), "first": f"Name{number}", "last": "Lake"}
    return known | {"note": f"note {number}", "ok": ok, "at": NOW, "src": "form"} | cells


def mixed(count: int = COUNT) -> list[dict[str, str]]:
    """Rows of contacts 1 to `count`; every fifth opts out."""
    return [row_of(number, "N" if number % 5 == 0 else "Y") for number in range(1, count + 1)]


@dataclass(frozen=True)
class Stored:
    """What the destination has for a contact: canonical status, and the note."""

    status: str | None
    note: str | None


@dataclass(frozen=True)
class Subject:
    """A destination as the suite sees it."""

    name: str
    folder: Path
    mapping: str
    """YAML of `options`, `identity`, `addresses`, `attributes` and `consent`; `{note}` is the note's attribute."""
    note: str
    writes: tuple[str, ...]
    """Operations of the sandbox's log that change contacts, or lead to it."""
    seed: Callable[[Mapping[int, str]], dict[str, Any]]
    """Contact -> canonical status, as a document for the sandbox; the contacts have no note."""
    stored: Callable[[Any], list[tuple[str, Stored]]]
    """The sandbox's document -> (e-mail address, what is stored) of each contact."""
    poison: Callable[[int], dict[str, Any]]
    """A fault rule that refuses a contact."""
    answers: tuple[dict[str, str], ...] = ()
    """`operation` and `field` of answers that list what became of each row."""
    carriers: tuple[str, ...] = ()
    """Of `writes`, those that carry calls that only read as well: what they did is in the log."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the sandbox."""
    credentials: Mapping[str, str] = field(default_factory=dict)
    """Settings that are wrong."""
    lenient: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a sandbox that opts in again whoever had opted out."""
    clears: bool = False
    """Whether a status can be taken away, so that there is none."""


@dataclass
class Stage:
    """A home, an export and a sandbox."""

    path: Path
    sandbox: Sandbox
    subject: Subject
    _names: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.sandbox.reset()
        self.home = self.path / "home"
        self.seed({})

    def seed(self, people: Mapping[int, str], *, lenient: bool = False) -> None:
        """Contacts that are there, with their statuses."""
        self.sandbox.load({self.subject.name: self.subject.seed(people)}, replace=True)
        if self.subject.settings or self.subject.lenient:
            self.sandbox.settings(
                self.subject.name, **self.subject.settings, **(self.subject.lenient if lenient else {})
            )
        self.sandbox.clear_requests()

    def mapping(self, note: str | None = None, policy: str = POLICY, **delivery: Any) -> Path:
        """Writes a mapping; `delivery` over what the suite uses."""
        given = {"mode": "upsert", "batch_size": 6, "concurrency": 2, "requests_per_second": 100_000} | delivery
        text = self.subject.mapping.replace("{note}", note or self.subject.note)
        path = self.path / "m.yaml"
        parts = ("version: 1", f"destination: {self.subject.name}", text, policy, f"delivery: {json.dumps(given)}")
        path.write_text("\n".join((*parts, GUARDS)), encoding="utf-8")
        return path

    def export(self, rows: Iterable[Mapping[str, str]]) -> Path:
        """Writes an export under a name of its own."""
        return write_export(self.path / f"x{next(self._names)}.csv", rows, HEADER)

    def context(self, **settings: Any) -> Context:
        """A context with little patience that reaches the sandbox, whatever the environment says."""
        known = {name.lower(): value for name, value in self.sandbox.environment.items()}
        return Context(settings=Settings.model_validate(known | settings), home=self.home, patience=QUICK)

    def sync(self, rows: Iterable[Mapping[str, str]], mapping: Path | None = None, *, full: bool = False) -> Result:
        """`sync`."""
        return run.sync(Request(mapping or self.mapping(), self.export(rows), full), self.context())

    def settle(self, rows: Iterable[Mapping[str, str]]) -> Result:
        """`sync`, then `resume` until nothing is left to settle."""
        result = self.sync(rows)
        for _ in range(6):
            if result.error is None and not result.summary.rows.unknown:
                break
            result = run.resume(result.summary.run_id, self.context())
        return result

    def revert(self, result: Result) -> Result:
        """`revert`."""
        return run.revert(result.summary.run_id, self.context())

    def apply(self, planned: Result) -> Result:
        """`apply` with the plan's hash."""
        return run.apply(planned.summary.run_id, self.context(), approve=planned.summary.plan_hash)

    def outcomes(self, result: Result) -> dict[str, dict[str, str]]:
        """outcomes.csv by identity."""
        return {row["identity"]: row for row in read_csv(Path(result.summary.run_dir) / "outcomes.csv")}

    def writes(self) -> list[Entry]:
        """The requests that changed something at the sandbox."""
        return [entry for entry in self.sandbox.requests(self.subject.name) if entry.write_applied]

    def stored(self) -> dict[int, list[Stored]]:
        """Number -> what is stored of each contact with its address."""
        found: dict[int, list[Stored]] = {}
        for address, stored in self.subject.stored(self.sandbox.dump()[self.subject.name]):
            found.setdefault(int(address[1:5]), []).append(stored)
        return found

    @contextmanager
    def planned(self, rows: Iterable[Mapping[str, str]]) -> Iterator[tuple[Session, Bound, pl.DataFrame]]:
        """A session, the bound mapping, and the items of a plan."""
        file, context = mapping_file.load(self.mapping()), self.context()
        destination = destination_of(file, context.settings)
        with connect(destination, file.mapping.delivery, threading.Event(), QUICK) as session:
            subject = Bound(file, *bound(file, session))
            draft = drafting.draft(Request(file.path, self.export(rows)), subject, context)
            drafting.read(draft, context)
            deciding.plan_shard(draft, 0, context, session)
            yield session, subject, draft.folder.read_plan("items", 0)


def batches(items: pl.DataFrame) -> list[pl.DataFrame]:
    """The items of each batch, in sending order."""
    return items.partition_by(Column.BATCH, maintain_order=True)


class Conformance:
    """The suite. A destination's test class names its subject."""

    subject: ClassVar[Subject]

    @pytest.fixture(scope="class")
    @classmethod
    def running(cls) -> Iterator[Sandbox]:
        """A sandbox for the class."""
        with Sandbox() as sandbox:
            yield sandbox

    @pytest.fixture
    def stage(self, running: Sandbox, tmp_path: Path) -> Stage:
        """An empty destination and an empty home."""
        return Stage(tmp_path, running, self.subject)

    def test_new_and_known_contacts_end_as_the_export_says(self, stage: Stage) -> None:
        """Created and updated are told apart, every record has its outcome, and the destination has what was sent."""
        stage.seed(dict.fromkeys(range(1, COUNT + 1, 2), "OPT_IN"))
        result = stage.sync(mixed())
        rows = result.summary.rows
        assert (result.exit_code, result.summary.balanced) == (0, True), stage.outcomes(result)
        assert (rows.created, rows.updated) == (COUNT // 2, COUNT // 2)
        counts = result.summary.modified_count
        assert (counts.expected, counts.reported) == (COUNT, COUNT)
        assert stage.stored() == {
            n: [Stored("OPT_OUT" if n % 5 == 0 else "OPT_IN", f"note {n}")] for n in range(1, COUNT + 1)
        }

    def test_the_same_export_again_sends_nothing(self, stage: Stage) -> None:
        """What the destination was told already is unchanged, without a writing request."""
        stage.sync(mixed())
        stage.sandbox.clear_requests()
        again = stage.sync(mixed())
        assert (again.summary.rows.unchanged, stage.writes()) == (COUNT, [])

    def test_a_plan_writes_nothing(self, stage: Stage) -> None:
        """`plan` only reads."""
        stage.seed({1: "OPT_IN"})
        before = stage.stored()
        result = run.plan(Request(stage.mapping(), stage.export(mixed())), stage.context())
        assert (result.summary.rows.updated + result.summary.rows.created, stage.writes()) == (COUNT, [])
        assert stage.stored() == before

    @pytest.mark.parametrize("full", [False, True], ids=["what changed", "all"])
    def test_a_plan_attempts_no_write(self, stage: Stage, full: bool) -> None:
        """Whatever is planned, and whether guards stop it: not one request that could change anything leaves."""
        stage.seed(dict.fromkeys(range(1, COUNT + 1, 2), "OPT_IN"))
        for guards in (GUARDS, "guards: {max_opt_outs: 1}"):
            mapping = stage.mapping()
            mapping.write_text(mapping.read_text().replace(GUARDS, guards))
            run.plan(Request(mapping, stage.export(mixed()), full), stage.context())
        writing = set(self.subject.writes) - set(self.subject.carriers)
        asked = stage.sandbox.requests(self.subject.name)
        assert asked
        assert [entry for entry in asked if entry.operation in writing or entry.write_applied] == []

    def test_a_plan_foretells_its_requests(self, stage: Stage) -> None:
        """As many as `apply` sends, undisturbed, beside describing the audience."""
        stage.seed(dict.fromkeys(range(1, COUNT + 1, 2), "OPT_IN"))
        planned = run.plan(Request(stage.mapping(), stage.export(mixed())), stage.context()).summary
        stage.sandbox.clear_requests()
        stage.sync([])
        describing = len(stage.sandbox.requests(self.subject.name))
        stage.sandbox.clear_requests()
        run.apply(planned.run_id, stage.context())
        assert planned.requests_to_come is not None
        sent = len(stage.sandbox.requests(self.subject.name)) - describing
        assert (planned.requests_to_come.contacts, planned.requests_to_come.requests) == (COUNT, sent)

    def test_opt_outs_lead(self, stage: Stage) -> None:
        """No other change leaves before the last opt-out is answered."""
        stage.seed(dict.fromkeys(range(1, COUNT + 1), "OPT_IN"))
        stage.sync(mixed())
        out = {name for number in range(5, COUNT + 1, 5) for name in (key_of(number), address_of(number))}
        kinds = [bool(out & set(entry.keys)) for entry in stage.writes() if entry.keys]
        assert kinds == sorted(kinds, reverse=True)
        assert any(kinds)

    def test_who_opted_out_at_the_destination_stays_out(self, stage: Stage) -> None:
        """An opt-in that is not provably newer than the platform's own opt-out is held, and the rest of it goes."""
        stage.seed({1: "OPT_OUT", 2: "OPT_IN"})
        result = stage.sync([row_of(1, at="", src=""), row_of(2)])
        outcomes = stage.outcomes(result)
        assert result.summary.withheld == {"resubscribe_without_evidence": 1}
        assert (outcomes[key_of(1)]["outcome"], outcomes[key_of(2)]["outcome"]) == ("updated", "updated")
        assert {n: [s.status for s in of] for n, of in stage.stored().items()} == {1: ["OPT_OUT"], 2: ["OPT_IN"]}

    def test_who_opts_out_after_the_plan_stays_out(self, stage: Stage) -> None:
        """`apply` looks once more before it raises a status, however old the plan is."""
        stage.seed({1: "OPT_IN", 2: "OPT_IN"})
        planned = run.plan(Request(stage.mapping(), stage.export([row_of(1), row_of(2)])), stage.context())
        stage.seed({1: "OPT_OUT", 2: "OPT_IN"})
        result = run.apply(planned.summary.run_id, stage.context())
        assert stage.outcomes(result)[key_of(1)]["reason"] == "resubscribe_without_evidence"
        assert {n: [s.status for s in of] for n, of in stage.stored().items()} == {1: ["OPT_OUT"], 2: ["OPT_IN"]}

    def test_a_revert_gives_back_what_was_there_before(self, stage: Stage) -> None:
        """Planned without a write, approved because opt-outs end; what cannot be given back says so, and stays."""
        stage.seed(dict.fromkeys(range(2, 13), "OPT_IN"), lenient=True)
        before = {n: of[0].status for n, of in stage.stored().items()}
        done = stage.sync([row_of(n, "N" if n % 2 else "Y") for n in range(1, 13)])
        stage.sandbox.clear_requests()
        planned = stage.revert(done)
        assert (planned.exit_code, stage.writes()) == (4, [])
        result = stage.apply(planned)
        assert result.summary.balanced
        rows, statuses = stage.outcomes(result), {n: of[0].status for n, of in stage.stored().items()}
        assert {n: statuses[n] for n in before} == before
        assert {rows[key_of(n)]["outcome"] for n in range(3, 13, 2)} == {"updated"}
        new = (statuses[1], rows[key_of(1)]["outcome"], rows[key_of(1)]["reason"])
        assert new == ((None, "updated", "") if self.subject.clears else ("OPT_OUT", "held", "before_unknown"))

    def test_a_revert_again_sends_nothing_and_can_be_reverted(self, stage: Stage) -> None:
        """All is as it was before the run; taking back the revert brings back what the run had left."""
        stage.seed(dict.fromkeys(range(1, 9), "OPT_IN"), lenient=True)
        done = stage.sync(rows := [row_of(n, "N") for n in range(1, 9)])
        back = stage.apply(stage.revert(done))
        stage.sandbox.clear_requests()
        assert stage.apply(stage.revert(done)).summary.rows.unchanged == len(rows)
        assert stage.writes() == []
        stage.apply(stage.revert(back))
        assert {of[0].status for of in stage.stored().values()} == {"OPT_OUT"}

    def test_a_revert_leaves_alone_whom_a_later_run_told_the_same(self, stage: Stage) -> None:
        """An opt-out that was said again with newer evidence is another's, whoever approves."""
        stage.seed(dict.fromkeys((1, 2), "OPT_IN"), lenient=True)
        done = stage.sync([row_of(1, "N"), row_of(2, "N")])
        stage.sync([row_of(1, "N", at="2026-02-01T00:00:00Z")])
        result = stage.apply(stage.revert(done))
        assert {n: [s.status for s in of] for n, of in stage.stored().items()} == {1: ["OPT_OUT"], 2: ["OPT_IN"]}
        row = stage.outcomes(result)[key_of(1)]
        assert (row["outcome"], row["reason"]) == ("held", "changed_since")

    def test_an_audit_finds_what_drifted_and_writes_nothing(self, stage: Stage) -> None:
        """Against an export, against the state, and walking through all that is there: the log has no write."""
        stage.seed(dict.fromkeys(range(1, 4), "OPT_OUT"))
        stage.sync(rows := [row_of(n, "N" if n < 4 else "Y") for n in range(1, COUNT + 1)])
        stage.sandbox.clear_requests()
        mapping, context = stage.mapping(), stage.context()
        clean = verify(Audit(mapping, destination_only=True), context)
        assert (clean.exit_code, clean.match) == (0, COUNT), clean.differences
        assert clean.destination_only == {"contacts": 0, "consents": {}}
        assert verify(Audit(mapping, stage.export(rows)), context).match == COUNT
        assert (stage.writes(), len(stage.sandbox.requests(self.subject.name)) > 0) == ([], True)
        stage.seed({1: "OPT_IN", 2: "OPT_OUT", 5: "OPT_OUT", **dict.fromkeys(range(500, 700), "OPT_IN")})
        there = stage.stored()
        drifted = verify(Audit(mapping, destination_only=True), context)
        assert (drifted.exit_code, drifted.raised_since, drifted.missing) == (3, 1, COUNT - 3)
        assert drifted.destination_only == {"contacts": 200, "consents": {"EMAIL": {"OPT_IN": 200}}}
        said = drifted.differences["EMAIL"]
        assert said == {"told OPT_OUT, destination OPT_IN": 1, "told OPT_IN, destination OPT_OUT": 1}
        assert (stage.writes(), stage.stored()) == ([], there)

    @pytest.mark.parametrize("bad", [(3,), (3, 10, 17)], ids=["one", "three"])
    def test_a_refused_row_fails_alone(self, stage: Stage, bad: tuple[int, ...]) -> None:
        """Whatever the vendor refuses is failed with the vendor's words; every other row is applied."""
        stage.seed(dict.fromkeys(range(1, COUNT + 1), "OPT_IN"))
        stage.sandbox.faults([self.subject.poison(number) for number in bad])
        result = stage.sync(mixed())
        outcomes = stage.outcomes(result)
        assert {key for key, row in outcomes.items() if row["outcome"] == "failed"} == {key_of(n) for n in bad}
        assert all("Row refused" in outcomes[key_of(n)]["message"] for n in bad)
        assert {n for n, [of] in stage.stored().items() if of.note is None} == set(bad)
        assert (result.exit_code, result.summary.balanced) == (3, True)

    @pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
    def test_disturbed_requests_end_as_planned(self, stage: Stage, fault: dict[str, Any]) -> None:
        """However the first of each writing request goes wrong, all is applied, and nobody is there twice."""
        stage.seed(dict.fromkeys(range(1, COUNT + 1, 2), "OPT_IN"))
        stage.sandbox.faults([fault | {"operation": operation, "nth": [1]} for operation in self.subject.writes])
        result = stage.settle(mixed())
        assert (result.exit_code, result.summary.balanced) == (0, True), stage.outcomes(result)
        assert {n: [s.note for s in of] for n, of in stage.stored().items()} == {
            n: [f"note {n}"] for n in range(1, COUNT + 1)
        }

    @pytest.mark.parametrize("change", ["drop_first", "repeat_first", "shuffle"])
    def test_answers_are_attached_to_their_rows(self, stage: Stage, change: str) -> None:
        """A missing answer is unknown until it is read back; order and repetition mislead nobody."""
        rules: list[Any] = [{"fault": "wrong_list", "change": change, **answer} for answer in self.subject.answers]
        stage.sandbox.faults(rules)
        result = stage.settle(mixed())
        assert (result.exit_code, result.summary.rows.created) == (0, COUNT), stage.outcomes(result)
        assert {n: len(of) for n, of in stage.stored().items()} == dict.fromkeys(range(1, COUNT + 1), 1)

    def test_throttling_uses_up_no_attempt(self, stage: Stage) -> None:
        """More answers of 429 in a row than there are attempts: the run waits, and ends as planned."""
        often: dict[str, Any] = {"fault": "throttle", "retry_after": 0.005, "nth": list(range(1, QUICK.attempts + 4))}
        stage.sandbox.faults([often | {"operation": operation} for operation in self.subject.writes])
        result = stage.sync(mixed())
        assert (result.exit_code, result.summary.rows.created) == (0, COUNT)
        assert result.summary.requests.retried >= QUICK.attempts + 3

    def test_an_outage_leaves_the_rest_for_resume(self, stage: Stage) -> None:
        """While the destination is down the run stops with code 5 or leaves rows unknown; `resume` goes on."""
        down: list[Any] = [{"fault": "server_error", "operation": operation} for operation in self.subject.writes]
        stage.sandbox.faults(down)
        result = stage.sync(mixed())
        assert result.exit_code in (3, 5)
        assert result.summary.rows.created == result.summary.rows.updated == 0
        stage.sandbox.faults([])
        resumed = run.resume(result.summary.run_id, stage.context())
        assert (resumed.exit_code, resumed.summary.rows.created) == (0, COUNT), stage.outcomes(resumed)

    def test_what_was_delivered_is_recognised_when_read_back(self, stage: Stage) -> None:
        """Every part of every item compares with what the destination shows; before, nothing does."""
        stage.seed(dict.fromkeys(range(2, COUNT + 1, 2), "OPT_OUT"))
        with stage.planned(mixed()) as (session, bound_to, items):
            judged = compare(items, session.read(bound_to.job, items), bound_to.job)
            assert Found.CONFIRMED not in judged.get_column(FOUND).to_list()
            for batch in batches(items):
                session.destination.deliver(bound_to.job, batch, session.sender([]))
            judged = compare(items, session.read(bound_to.job, items), bound_to.job)
        assert set(judged.get_column(FOUND)) == {Found.CONFIRMED}

    def test_an_item_is_the_same_whoever_travels_with_it(self, stage: Stage) -> None:
        """Wire JSON depends on the item's own records alone."""
        with stage.planned(mixed()) as (_, _, items):
            together = dict(items.select(Column.IDENTITY, Column.WIRE).iter_rows())
        with stage.planned([row_of(5, "N")]) as (_, _, items):
            alone = dict(items.select(Column.IDENTITY, Column.WIRE).iter_rows())
        assert alone
        assert alone.items() <= together.items()

    def test_order_and_batch_size_change_nothing(self, stage: Stage) -> None:
        """A shuffled export in batches of another size leaves the destination in the same state."""
        stage.sync(mixed())
        expected = stage.stored()
        stage.seed({})
        other = Stage(stage.path / "other", stage.sandbox, self.subject)
        other.path.mkdir()
        shuffled = mixed()
        random.Random(7).shuffle(shuffled)
        other.sync(shuffled, other.mapping(batch_size=5, concurrency=1))
        assert other.stored() == expected

    def test_a_wrong_key_stops_at_the_first_answer(self, stage: Stage) -> None:
        """Credentials that are refused cost one request, and the message says which setting to look at."""
        request = Request(stage.mapping(), stage.export(mixed()))
        with pytest.raises(Refused, match="check the key in the settings"):
            run.sync(request, stage.context(**self.subject.credentials))
        assert len(stage.sandbox.requests(self.subject.name)) == 1

    def test_an_attribute_that_is_not_there_is_named_with_its_line(self, stage: Stage) -> None:
        """Before anything is read of the export, with what was probably meant."""
        mapping = stage.mapping(note="Nota")
        line = next(n for n, text in enumerate(mapping.read_text().splitlines(), 1) if "Nota" in text)
        with pytest.raises(MappingErrors, match=f"m.yaml:{line}: attributes.Nota: "):
            run.sync(Request(mapping, stage.export(mixed())), stage.context())
        assert stage.writes() == []

    def test_a_destination_that_is_not_there_is_unreachable(self, stage: Stage) -> None:
        """Exit code 5 and the command to run again; nothing is claimed."""
        request = Request(stage.mapping(), stage.export(mixed()))
        nowhere = {f"{self.subject.name}_url": "http://127.0.0.1:9/"}
        with pytest.raises(DestinationError) as error:
            run.sync(request, stage.context(**nowhere))
        assert error.value.exit_code == 5

    def test_the_audience_is_kept_as_it_was(self, stage: Stage) -> None:
        """What the destination says of itself survives the run folder, so that a run is read as it was planned."""
        with stage.planned(mixed()) as (_, bound_to, _):
            assert audience_from_json(audience_json(bound_to.audience)) == bound_to.audience

    def test_requests_are_the_golden_ones(self, stage: Stage) -> None:
        """Method, path, headers and body of each writing request, letter by letter."""
        stage.seed({1: "OPT_IN", 2: "OPT_IN", 4: "OPT_IN"})
        sent: list[dict[str, Any]] = []
        with stage.planned([row_of(1), row_of(2, "N"), row_of(3), row_of(4, "N", note="")]) as (session, to, items):
            transport = session.transport
            transport.make_client = lambda: transport.watched(httpx.Client(event_hooks={"request": [_noting(sent)]}))
            # A thread of its own has a client of its own.
            with ThreadPoolExecutor(1) as pool:
                for batch in batches(items):
                    pool.submit(session.destination.deliver, to.job, batch, session.sender([])).result()
        golden = json.loads((self.subject.folder / "golden.json").read_text("utf-8"))
        assert sent == golden, json.dumps(sent, indent=2)


def _noting(sent: list[dict[str, Any]]) -> Callable[[httpx.Request], None]:
    """Keeps what a request is, but for its time, its signature and the client's own headers."""
    own = {"accept", "accept-encoding", "connection", "host", "user-agent", "content-length", "ivvy-date"}
    secret = {"x-api-authorization", "authorization", "x-api-key"}

    def note(request: httpx.Request) -> None:
        headers = {name: "..." if name in secret else value for name, value in request.headers.items()}
        body = json.loads(request.content)
        if "async" in body:
            body["async"] = "..."
        kept = {name: value for name, value in headers.items() if name not in own | {"content-md5"}}
        path = request.url.raw_path.decode()
        sent.append({"request": f"{request.method} {path}", "headers": kept, "body": body})

    return note
