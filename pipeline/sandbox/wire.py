"""What goes over the socket: an answer, whole, in pieces or cut off, and the connection itself."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.sandbox.listening import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FLUSH_SECONDS: Final = 0.02


class Protocol(H11Protocol):
    """uvicorn's HTTP protocol; requests find the connection they came by in `scope["state"]["transport"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the transport for the requests to come."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that has not been sent yet."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def with_body(self, body: bytes) -> Reply:
        """The same answer with another body, its length corrected."""
        kept = tuple(header for header in self.headers if header[0] != b"content-length")
        return Reply(self.status, (*kept, (b"content-length", str(len(body)).encode())), body)

    def with_content_type(self, content_type: str) -> Reply:
        """The same answer with another content type."""
        kept = tuple(header for header in self.headers if header[0] != b"content-type")
        return replace(self, headers=(*kept, (b"content-type", content_type.encode())))


def reply(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Reply:
    """Build an answer; underscores in header names stand for hyphens."""
    named = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    bare = Reply(status, ((b"content-type", content_type.encode()), *named), b"")
    return bare.with_body(body)


async def reply_of(app: ASGIApp, scope: Scope, body: bytes) -> Reply:
    """Let the application answer a request whose body has been read already."""
    messages: list[Message] = []
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return unread.pop() if unread else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    start = messages[0]
    content = b"".join(message.get("body", b"") for message in messages[1:])
    return Reply(start["status"], tuple(start.get("headers", ())), content)


async def read_body(receive: Receive) -> bytes | None:
    """The whole body of a request; None if the client has gone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Line:
    """The way back to the client."""

    scope: Scope
    receive: Receive
    send: Send

    async def deliver(self, answer: Reply) -> None:
        """Send an answer."""
        await self._begin(answer)
        await self.send({"type": "http.response.body", "body": answer.body})

    async def drip(self, answer: Reply, pieces: int, seconds: float) -> None:
        """Send an answer in pieces, `seconds` for all of them."""
        await self._begin(answer)
        step = max(1, -(-len(answer.body) // pieces))
        for start in range(0, len(answer.body), step):
            await asyncio.sleep(seconds / pieces)
            await self._piece(answer.body[start : start + step])
        await self.send({"type": "http.response.body", "body": b""})

    async def break_off(self, answer: Reply) -> None:
        """Send half of an answer, then reset the connection."""
        await self._begin(answer)
        await self._piece(answer.body[: len(answer.body) // 2])
        await asyncio.sleep(_FLUSH_SECONDS)
        await self.reset()

    async def reset(self) -> None:
        """Abort the connection: the client's next read fails with a reset, not with an orderly end."""
        cut(self.scope["state"]["transport"])
        await self.receive()  # returns once uvicorn has noticed, so that it does not complain of a missing answer

    @property
    def is_cut(self) -> bool:
        """Whether the server went down while the request was on its way."""
        return self.scope["state"]["transport"] in self.scope["state"]["cut"]

    async def close_port(self, seconds: float) -> None:
        """Reset this connection and all others, and have new ones refused for so long."""
        self.scope["state"]["close_port"](seconds)
        await self.reset()

    async def _begin(self, answer: Reply) -> None:
        await self.send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})

    async def _piece(self, content: bytes) -> None:
        await self.send({"type": "http.response.body", "body": content, "more_body": True})


def with_number(answer: Reply, field: str, delta: int) -> Reply:
    """Add `delta` to each number called `field` in a JSON answer."""
    return _edited(
        answer, field, lambda value: value + delta if isinstance(value, int) and not isinstance(value, bool) else value
    )


def with_list(answer: Reply, field: str, change: str, seed: int) -> Reply:
    """Shuffle each list called `field`, drop its first entry, or repeat it at the end."""

    def edit(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        match change:
            case "drop_first":
                return value[1:]
            case "repeat_first":
                return [*value, *value[:1]]
            case _:
                return random.Random(seed).sample(value, len(value))  # noqa: S311 - repeatable on purpose

    return _edited(answer, field, edit)


def _edited(answer: Reply, field: str, edit: Callable[[Any], Any]) -> Reply:
    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: edit(walk(value)) if name == field else walk(value) for name, value in node.items()}
        return [walk(entry) for entry in node] if isinstance(node, list) else node

    try:
        content = json.loads(answer.body)
    except ValueError:
        return answer
    return answer.with_body(json.dumps(walk(content), ensure_ascii=False).encode())
