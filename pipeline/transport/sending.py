"""One connection per thread and destination: shared pacing, retries with jitter, time limits, the stop event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies

import httpx
import tenacity

from pipeline.destinations.halting import halted, shown
from pipeline.destinations.interface import Kind, Reply, Verdict
from pipeline.errors import Unreachable
from pipeline.pacing.governor import Governor
from pipeline.pacing.turns import Pacer, Turn, wait
from pipeline.transport.client import NOT_SENT, Client, SignedClient, WatchedClient
from pipeline.transport.connection import Connection
from pipeline.transport.retry_after import asked_seconds
from pipeline.transport.trial import Trial
from pipeline.transport.watchdog import Watchdog

if TYPE_CHECKING:
    from types import TracebackType

    from pipeline.destinations.interface import Send

Classify = Callable[[httpx.Response], Verdict]
Keep = Callable[[str], None]

TIMED_OUT: Final = frozenset({408, 504, 524})
TOO_LARGE: Final = 413


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on asking. Throttling uses up time, never attempts."""

    attempts: int = 6
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0
    limit_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as it happened, for the ledger: no body, no address."""

    at: datetime
    seconds: float
    status: int | None
    verdict: str
    number: int


@dataclass(slots=True)
class Transport:
    """Sends requests and judges answers. Used by several threads at once."""

    classify: Classify
    request_seconds: float
    pacer: Pacer
    stop: threading.Event
    patience: Patience = field(default_factory=Patience)
    auth: httpx.Auth | None = None
    """Signs each attempt anew."""
    governor: Governor = field(default_factory=Governor)
    make_client: Callable[[], Client] = field(init=False)
    _watchdog: Watchdog = field(init=False, default_factory=Watchdog)
    _own: threading.local = field(init=False, default_factory=threading.local)
    _clients: list[Client] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        tls = httpx.create_ssl_context()
        # The environment's proxies are honoured on purpose; redirects are not: consent goes where the settings say.
        if getproxies():
            self.make_client = lambda: self.watched(httpx.Client(timeout=self.request_seconds, verify=tls))
        else:
            self.make_client = lambda: self._signed(Connection(self.request_seconds, tls))

    def watched(self, client: httpx.Client) -> Client:
        """httpx's own client, with an end put to what it asks for."""
        return self._signed(WatchedClient(client, self.request_seconds, self._watchdog))

    def _signed(self, client: Client) -> Client:
        return client if self.auth is None else SignedClient(client, self.auth)

    @property
    def client(self) -> Client:
        """This thread's client: threads that share a pool of connections spend a third of their time on its lock."""
        if not hasattr(self._own, "client"):
            self._own.client = made = self.make_client()
            self._clients.append(made)
        client: Client = self._own.client
        return client

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.close()
        for client in self._clients:
            client.close()

    def sender(self, log: list[Attempt], keep: Keep = lambda _: None) -> Send:
        """A `send` that appends every attempt to `log`, and has the names of work that was begun kept."""

        def send(
            request: httpx.Request,
            *,
            repeatable: bool,
            after_seconds: float = 0.0,
            begins: Callable[[Any], str | None] | None = None,
        ) -> Reply:
            reply = self._send(log, request, repeatable=repeatable, after_seconds=after_seconds)
            work = begins(reply.body) if begins and reply.verdict.kind is Kind.OK else None
            if work is not None:
                keep(work)
            return reply

        return send

    def _send(self, log: list[Attempt], request: httpx.Request, *, repeatable: bool, after_seconds: float) -> Reply:
        """Sends until an answer is clear, patience ends, or a request that is not repeatable may have taken effect."""
        if after_seconds:
            wait(self.stop, after_seconds)
        trial = Trial(self, log, request, repeatable=repeatable)
        reply = trial() or self._sent_again(trial)
        if reply.verdict.kind is Kind.HALT:
            raise halted(reply.verdict)
        if not reply.unclear and reply.verdict.kind in {Kind.RETRY, Kind.THROTTLED}:
            raise Unreachable(
                f"the destination at {_origin(request)} gives no usable answer ({shown(reply.verdict)}); when it "
                "answers, run the same command again, or `consent-sync resume` for a run that has begun to send"
            )
        return reply

    def _sent_again(self, trial: Trial) -> Reply:
        """What comes of a request that its first attempt did not settle."""
        # Tenacity hears of that attempt, and pauses before it makes another.
        attempts = chain([None], iter(trial, object()))
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda settled: settled is None),
            stop=lambda state: trial.given_up(state.upcoming_sleep),
            wait=trial.pause,
            sleep=lambda seconds: wait(self.stop, seconds),
            retry_error_callback=lambda _: trial.last,
        )
        return retrying(next, attempts) or trial.last

    def once(self, log: list[Attempt], request: httpx.Request, number: int) -> tuple[Reply, Turn]:
        """One attempt, written to `log`. A broken connection or an unusable answer is a verdict, not an exception."""
        with self.governor.flight(self.stop):
            turn, throttled = self.pacer.turn(), False
            try:
                reply = self._judged(log, request, number)
                throttled = reply.verdict.kind is Kind.THROTTLED
            finally:
                self.pacer.answered(turn, throttled=throttled)
        return reply, turn

    def _judged(self, log: list[Attempt], request: httpx.Request, number: int) -> Reply:
        at, begun = datetime.now(UTC), time.monotonic()
        status: int | None = None
        late = False
        try:
            response = self.client.exchange(request)
            status = response.status_code
            verdict = self.classify(response)
        except httpx.RequestError as error:
            # The text of a protocol error may repeat a header, and the key is one.
            said = type(error).__name__ if isinstance(error, httpx.LocalProtocolError) else str(error)
            verdict = Verdict(Kind.RETRY, type(error).__name__, said or type(error).__name__)
            reply = Reply(verdict, {}, unclear=not isinstance(error, NOT_SENT))
            late = isinstance(error, httpx.TimeoutException)
        except RecursionError:
            verdict = Verdict(Kind.RETRY, "unreadable", "the answer has more levels than any that is documented")
            reply = Reply(verdict, {}, unclear=True)
        else:
            asked = asked_seconds(response.headers, verdict.kind, at)
            if verdict.retry_after_seconds is None and asked is not None:
                verdict = replace(verdict, retry_after_seconds=asked)
            reply = Reply(verdict, _body(response), unclear=verdict.kind is Kind.RETRY)
        taken = time.monotonic() - begun
        log.append(Attempt(at, taken, status, verdict.kind.name.lower(), number))
        self._govern(verdict, status, late=late)
        return reply

    def _govern(self, verdict: Verdict, status: int | None, *, late: bool) -> None:
        """A gateway may say in its words alone that it waited in vain."""
        said = verdict.kind is Kind.RETRY and "timed out" in verdict.message.lower()
        if late or said or status in TIMED_OUT:
            self.governor.timed_out()
        elif status == TOO_LARGE:
            self.governor.too_large()
        elif verdict.kind in {Kind.OK, Kind.REFUSED}:
            self.governor.in_time()


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):  # no JSON, or a number or a nesting that nobody reads
        return {}


def _origin(request: httpx.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"
