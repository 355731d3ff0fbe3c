"""Many calls of one action: one by one, or as batches that are polled (IV-14)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
from pydantic import ValidationError

from pipeline.destinations.interface import Kind, Reply, Send, Verdict
from pipeline.destinations.ivvy import wire
from pipeline.destinations.ivvy.refusals import verdict_of

if TYPE_CHECKING:
    from pipeline.destinations.ivvy.options import Options

AUTO_FROM: Final = 10
LONGEST_POLL_SECONDS: Final = 30.0
TOO_LARGE: Final = "413"
Params = Mapping[str, Any]
Request = Callable[[str, str, Any], httpx.Request]
"""(namespace, action, parameters) -> a request"""
LOST: Final = Reply(Verdict(Kind.RETRY, message="the batch's results say nothing of it"), {}, unclear=True)


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls in the way that the options ask for."""

    request: Request
    send: Send
    options: Options
    over: set[str] = field(default_factory=set)
    """Batches that are known to have ended."""

    def one(self, action: str, params: Params, *, repeatable: bool) -> Reply:
        """One call."""
        return self.send(self.request(wire.CONTACT, action, params), repeatable=repeatable)

    def many(self, action: str, params: Sequence[Params], *, repeatable: bool) -> list[Reply]:
        """The answer to each, in their order. No two may be about one contact."""
        alone = self.options.bulk == "never" or (self.options.bulk == "auto" and len(params) <= AUTO_FROM)
        if alone:
            return [self.one(action, each, repeatable=repeatable) for each in params]
        return [
            reply
            for chunk in chunks(params, self.options.jobs_per_batch)
            for reply in self._batch(action, chunk, repeatable=repeatable)
        ]

    def _batch(self, action: str, params: Sequence[Params], *, repeatable: bool) -> list[Reply]:
        jobs = [{"namespace": wire.CONTACT, "action": action, "params": each} for each in params]
        begins = _started if action == wire.ADD_OR_UPDATE else None
        reply = self.send(self.request(wire.BATCH, "run", {"jobs": jobs}), repeatable=repeatable, begins=begins)
        if reply.verdict.code == TOO_LARGE and len(params) > 1:
            half = (len(params) + 1) // 2
            return [
                r for part in (params[:half], params[half:]) for r in self._batch(action, part, repeatable=repeatable)
            ]
        if reply.unclear or reply.verdict.kind is not Kind.OK:
            return [reply] * len(params)
        started = _started(reply.body)
        if started is None:
            return [LOST] * len(params)
        results = self._results(started)
        return [LOST] * len(params) if results is None else by_request(results, params)

    def _results(self, started: str) -> Sequence[wire.JobResult] | None:
        """What came of a batch; None: it cannot be known. Waits as long as the options say."""
        waited, pause = 0.0, self.options.poll_seconds
        while waited <= self.options.batch_seconds:
            waited += pause
            asked = self._ask("progress", started, pause)
            if asked.unclear or asked.verdict.kind is not Kind.OK:
                return None
            if _is_done(asked.body):
                found = self._ask("results", started, 0.0)
                if found.verdict.kind is Kind.OK and not found.unclear:
                    self.over.add(started)
                    return _results_in(found.body)
                if found.verdict.code != str(wire.NOT_COMPLETED):
                    return None
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        return None

    def ended(self, started: str) -> bool:
        """Waits for a batch as long as the options say; whether it has ended. One that is not known any more has."""
        waited, pause = 0.0, 0.0
        while started not in self.over:
            asked = self._ask("progress", started, pause)
            forgotten = not asked.unclear and asked.verdict.code == str(wire.BATCH_NOT_FOUND)
            if forgotten or (_is_done(asked.body) and not asked.unclear):
                self.over.add(started)
            elif asked.unclear or asked.verdict.kind is not Kind.OK or waited > self.options.batch_seconds:
                return False
            waited += pause
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS) if pause else self.options.poll_seconds
        return True

    def _ask(self, action: str, started: str, after_seconds: float) -> Reply:
        request = self.request(wire.BATCH, action, {"async": started})
        return self.send(request, repeatable=True, after_seconds=after_seconds)


def chunks(params: Sequence[Params], most: int) -> list[Sequence[Params]]:
    """Parts of at most so many calls, and of what a batch may weigh."""
    parts: list[list[Params]] = [[]]
    weight = 0
    for each in params:
        bytes_of = len(json.dumps(each))
        if parts[-1] and (len(parts[-1]) >= most or weight + bytes_of > wire.MOST_BATCH_BYTES):
            parts.append([])
            weight = 0
        parts[-1].append(each)
        weight += bytes_of
    return [part for part in parts if part]


def by_request(results: Sequence[wire.JobResult], params: Sequence[Params]) -> list[Reply]:
    """The answer to each call, by the request that a result repeats. Two different ones are as good as none."""
    found: dict[str, list[Any]] = {}
    for result in results:
        answers = found.setdefault(_key(result.request), [])
        if result.response not in answers:
            answers.append(result.response)
    return [_reply(found.get(_key(each), [])) for each in params]


def _key(request: Any) -> str:
    return json.dumps(request, sort_keys=True)


def _reply(answers: Sequence[Any]) -> Reply:
    if len(answers) != 1:
        return LOST
    verdict = verdict_of(answers[0])
    return Reply(verdict, answers[0], unclear=verdict.kind not in {Kind.OK, Kind.REFUSED})


def _started(body: Any) -> str | None:
    """The id of a batch that was accepted."""
    try:
        return wire.Started.model_validate(body).asyncId
    except ValidationError:
        return None


def _is_done(body: Any) -> bool:
    try:
        return wire.Progress.model_validate(body).progress >= 100
    except ValidationError:
        return False


def _results_in(body: Any) -> Sequence[wire.JobResult] | None:
    try:
        return wire.BatchResults.model_validate(body).results
    except ValidationError:
        return None
