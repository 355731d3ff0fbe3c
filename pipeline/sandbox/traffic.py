"""Between the socket and the vendors: every request is described, disturbed as scheduled, and logged."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from pipeline.sandbox import faults as f
from pipeline.sandbox.journal import Entry, Journal
from pipeline.sandbox.vendor import Call, Exchange, Target, Vendor
from pipeline.sandbox.wire import Line, Reply, read_body, reply, reply_of, with_list, with_number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    Finish = Callable[[], Awaitable[None]]

CONTROL_PREFIX: Final = "/_control"
_HTML: Final = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Traffic:
    """The ASGI application that uvicorn serves; control routes pass through untouched."""

    app: ASGIApp
    vendors: Iterable[Vendor]
    schedule: f.Schedule = field(default_factory=f.Schedule)
    journal: Journal = field(default_factory=Journal)
    clock: Callable[[], float] = time.time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self.app(scope, receive, send)
            return
        number, arrived, started = self.journal.next_number(), self.clock(), time.perf_counter()
        body = await read_body(receive)
        if body is None:
            return
        call = self._described(Target(scope["method"], scope["path"], scope["query_string"].decode("latin-1")), body)
        due = self.schedule.due(call)
        exchange = Exchange(call, f.poison_of(due), f.lag_of(due))
        line = Line({**scope, "exchange": exchange}, receive, send)
        status, finish = await self._outcome(line, body, due)
        # Logged before the client can know of it, so that a log read after an answer is complete.
        self.journal.add(
            Entry(
                number=number,
                time=datetime.fromtimestamp(arrived, UTC).isoformat(timespec="milliseconds"),
                vendor=call.vendor,
                operation=call.operation,
                status=status,
                rows=len(call.keys),
                keys=call.keys,
                error_code=exchange.error_code,
                write_applied=exchange.write_applied,
                faults=tuple(fault.fault for fault in due),
                seconds=round(time.perf_counter() - started, 6),
            )
        )
        await finish()

    def _described(self, target: Target, body: bytes) -> Call:
        for vendor in self.vendors:
            call = vendor.describe(target, body)
            if call is not None:
                return call
        return Call("", target.path)

    async def _outcome(self, line: Line, body: bytes, due: list[f.Fault]) -> tuple[int | None, Finish]:
        """The status that the client will see (None: a reset before any), and how to send it."""
        for fault in due:
            if isinstance(fault, f.Latency):
                await asyncio.sleep(fault.seconds)
            instead = await _instead(fault, line.scope["exchange"].call)
            if instead is not None:
                return instead.status, partial(line.deliver, instead)
            if isinstance(fault, f.Reset) and fault.at == "before_write":
                return None, line.reset
            if isinstance(fault, f.Refused):
                return None, partial(line.close_port, fault.seconds)
        if line.is_cut:
            return None, line.reset
        answer = await reply_of(self.app, line.scope, body)
        for fault in due:
            answer = await _spoiled(answer, fault)
        return _delivery(line, answer, due)


async def _instead(fault: f.Fault, call: Call) -> Reply | None:
    """The answer to a request that is not carried out."""
    match fault:
        case f.Throttle():
            wait = _retry_after(fault.retry_after, fault.retry_after_form)
            body = call.throttled if fault.body is None else fault.body
            return reply(429, json.dumps(body).encode(), **wait)
        case f.ExpiredKey():
            return reply(call.key_refused.status, json.dumps(dict(call.key_refused.body)).encode())
        case f.Answer():
            return reply(fault.status, json.dumps(fault.body).encode())
        case f.ServerError(write=False) | f.GatewayTimeout(write=False):
            return await _gateway_answer(fault)
        case _:
            return None


async def _spoiled(answer: Reply, fault: f.Fault) -> Reply:
    """What becomes of the answer to a request that was carried out."""
    match fault:
        case f.ServerError() | f.GatewayTimeout():
            return await _gateway_answer(fault)
        case f.Garble():
            return _garbled(answer, fault)
        case f.WrongNumber():
            return with_number(answer, fault.field, fault.delta)
        case f.WrongList():
            return with_list(answer, fault.field, fault.change, fault.seed)
        case _:
            return answer


async def _gateway_answer(fault: f.ServerError | f.GatewayTimeout) -> Reply:
    if isinstance(fault, f.ServerError):
        return _server_error(fault)
    await asyncio.sleep(fault.seconds)
    return reply(fault.status, json.dumps(fault.body).encode())


def _garbled(answer: Reply, fault: f.Garble) -> Reply:
    match fault.fault:
        case "truncated_json":
            return answer.with_body(answer.body[: len(answer.body) // 2])
        case "invalid_json":
            return answer.with_body(answer.body.replace(b":", b"=>", 1))
        case "content_type":
            return answer.with_content_type(fault.content_type)


def _delivery(line: Line, answer: Reply, due: list[f.Fault]) -> tuple[int | None, Finish]:
    for fault in due:
        match fault:
            case f.Reset(at="after_write"):
                return None, line.reset
            case f.Reset():
                return answer.status, partial(line.break_off, answer)
            case f.Drip():
                return answer.status, partial(line.drip, answer, fault.pieces, fault.seconds)
            case _:
                continue
    return answer.status, partial(line.deliver, answer)


def _server_error(fault: f.ServerError) -> Reply:
    wait = _retry_after(fault.retry_after, "seconds")
    if fault.body is not None:
        return reply(fault.status, json.dumps(fault.body).encode(), **wait)
    title = {500: "500 Internal Server Error", 502: "502 Bad Gateway", 503: "503 Service Unavailable"}
    page = _HTML.format(title.get(fault.status, "504 Gateway Timeout")).encode()
    return reply(fault.status, page, "text/html", **wait)


def _retry_after(seconds: float | None, form: str) -> dict[str, str]:
    if seconds is None:
        return {}
    if form == "date":
        # A date has whole seconds: rounded up, so that it is never earlier than asked.
        moment = datetime.fromtimestamp(int(time.time() + seconds) + 1, UTC)
        return {"retry_after": format_datetime(moment, usegmt=True)}
    return {"retry_after": f"{seconds:g}"}
