"""Fault schedules: which requests are disturbed, and how. Independent of the vendor."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from pipeline.sandbox.documents import first_fault
from pipeline.sandbox.vendor import Call, Poison, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESET_POINTS = Literal["before_write", "after_write", "mid_answer"]


class Rule(BaseModel):
    """One line of a schedule: all the conditions given must hold. A request is counted by each rule for itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vendor: str | None = None
    operation: str | None = Field(default=None, description="The vendor's own word, such as updateContacts.")
    key: str | None = Field(default=None, description="A row with this identity is in the request.")
    nth: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        default=None, description="Only these, counted from 1 among the requests that fit vendor, operation and key."
    )
    after: int | None = Field(default=None, ge=1, description="Not the first so many of them.")
    every: int | None = Field(default=None, ge=1, description="Every so many of them.")
    probability: float | None = Field(default=None, ge=0, le=1, description="By chance, the same for the same seed.")
    seed: int = 0
    times: int | None = Field(default=None, ge=1, description="At most so often.")


class Latency(Rule):
    """Waits before the request is carried out."""

    fault: Literal["latency"]
    seconds: float = Field(gt=0)


class Throttle(Rule):
    """Answers 429 without carrying the request out; `retry_after` in seconds, as a number, as an HTTP date, or not.

    Without a `body` it says what the vendor says.
    """

    fault: Literal["throttle"]
    retry_after: float | None = Field(default=None, ge=0)
    retry_after_form: Literal["seconds", "date"] = "seconds"
    body: dict[str, JsonValue] | None = None


class ServerError(Rule):
    """Answers 5xx with a page of HTML, or this JSON; with `write` the request is carried out first."""

    fault: Literal["server_error"]
    status: Literal[500, 502, 503, 504] = 503
    retry_after: float | None = Field(default=None, ge=0)
    write: bool = False
    body: dict[str, JsonValue] | None = None


class Answer(Rule):
    """Answers with this JSON without carrying the request out."""

    fault: Literal["answer"]
    status: int = Field(ge=200, le=599)
    body: JsonValue


class GatewayTimeout(Rule):
    """The gateway gives up waiting, after `seconds`; with `write` the request was carried out all the same."""

    fault: Literal["gateway_timeout"]
    write: bool = False
    seconds: float = Field(default=0, ge=0)
    status: int = Field(default=504, ge=200, le=599)
    body: dict[str, JsonValue] = Field(default={"message": "Endpoint request timed out"})


class Reset(Rule):
    """The connection is reset: nothing, or half of the answer, has come back."""

    fault: Literal["reset"]
    at: _RESET_POINTS = "before_write"


class Refused(Rule):
    """The server goes down as the request arrives: all connections are reset, and new ones refused for `seconds`."""

    fault: Literal["refused"]
    seconds: float = Field(gt=0)


class ExpiredKey(Rule):
    """Answers what the vendor says to a key that it no longer takes, without carrying the request out."""

    fault: Literal["expired_key"]


class ReadLag(Rule):
    """What the request writes does not show for `seconds`: who reads meanwhile reads what was there before."""

    fault: Literal["read_lag"]
    seconds: float = Field(gt=0)


class Garble(Rule):
    """The request is carried out and its answer spoiled."""

    fault: Literal["truncated_json", "invalid_json", "content_type"]
    content_type: str = "text/html"


class Drip(Rule):
    """The answer comes in small pieces."""

    fault: Literal["drip"]
    pieces: int = Field(default=10, ge=2)
    seconds: float = Field(default=1, gt=0, description="For the whole answer.")


class WrongNumber(Rule):
    """Adds `delta` to each number of that name in the answer, such as `modifiedCount`."""

    fault: Literal["wrong_number"]
    field: str = "modifiedCount"
    delta: int = -1


class WrongList(Rule):
    """Shuffles each list of that name in the answer, drops its first entry, or has it twice."""

    fault: Literal["wrong_list"]
    field: str = "items"
    change: Literal["shuffle", "drop_first", "repeat_first"] = "drop_first"


class PoisonRow(Rule):
    """The vendor refuses the row with this identity, whatever it holds."""

    fault: Literal["poison_row"]
    code: str = "INVALID_ATTRIBUTE_VALUE"
    message: str = "Row refused"
    category: str | None = None

    @model_validator(mode="after")
    def _names_a_row(self) -> PoisonRow:
        if self.key is None:
            raise ValueError("poison_row needs the key of the row")
        return self


Fault = (
    Latency | Throttle | ServerError | Answer | GatewayTimeout | Reset | Garble | Drip | WrongNumber | WrongList
    | PoisonRow | Refused | ExpiredKey | ReadLag
)  # fmt: skip
_FAULTS = TypeAdapter(tuple[Annotated[Fault, Field(discriminator="fault")], ...])


class Schedule:
    """The rules in force and how often each was met. Thread-safe."""

    def __init__(self, rules: JsonValue = None) -> None:
        self._lock = threading.Lock()
        self.replace(rules)

    def replace(self, rules: JsonValue) -> None:
        """Put new rules (a list, or an object with the list under `rules`) in force. Raises SandboxError."""
        listing = rules.get("rules") if isinstance(rules, dict) else rules
        try:
            faults = _FAULTS.validate_python(listing or ())
        except ValidationError as error:
            raise SandboxError(f"rule {first_fault(error)}") from error
        with self._lock:
            self._counters = [_Counter(fault) for fault in faults]

    def due(self, call: Call) -> list[Fault]:
        """The faults for this request, in the order of the rules."""
        with self._lock:
            return [counter.fault for counter in self._counters if counter.meets(call)]

    def described(self) -> list[JsonValue]:
        """The rules, with how many requests each has `met` and how often it was `applied`."""
        with self._lock:
            return list(self._described())

    def _described(self) -> Iterator[JsonValue]:
        for counter in self._counters:
            rule: dict[str, JsonValue] = counter.fault.model_dump(mode="json", exclude_defaults=True)
            yield {**rule, "met": counter.met, "applied": counter.applied}


class _Counter:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.met = 0
        self.applied = 0
        self._random = random.Random(fault.seed)  # noqa: S311 - repeatable on purpose

    def meets(self, call: Call) -> bool:
        fault = self.fault
        if fault.vendor not in {None, call.vendor} or fault.operation not in {None, call.operation}:
            return False
        if fault.key is not None and fault.key not in call.keys and fault.key not in call.aliases:
            return False
        self.met += 1
        chance = fault.probability is None or self._random.random() < fault.probability
        nth = fault.nth is None or self.met in fault.nth
        after = fault.after is None or self.met > fault.after
        every = fault.every is None or self.met % fault.every == 0
        left = fault.times is None or self.applied < fault.times
        applies = chance and nth and after and every and left
        self.applied += applies
        return applies


def poison_of(faults: list[Fault]) -> dict[str, Poison]:
    """The rows that the vendor must refuse, by identity."""
    return {f.key: Poison(f.code, f.message, f.category) for f in faults if isinstance(f, PoisonRow) and f.key}


def lag_of(faults: list[Fault]) -> float:
    """For how many seconds what the request writes must not show."""
    return max((fault.seconds for fault in faults if isinstance(fault, ReadLag)), default=0.0)
