"""The vendor's paths: HTTP in, one operation carried out, the documented envelopes out (1.2, 1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from starlette.responses import HTMLResponse, JSONResponse, Response

from pipeline.sandbox.vendor import Call, Refusal, Target
from pipeline.sandbox.wix.actions import ACTIONS
from pipeline.sandbox.wix.admission import throttled, token_expired
from pipeline.sandbox.wix.identity import rows_of
from pipeline.sandbox.wix.links import KIND_OF_PATH, followed, number_of
from pipeline.sandbox.wix.operations import belongs_here, operation_at
from pipeline.sandbox.wix.refusals import InvalidError, RefusedError
from pipeline.sandbox.wix.requests import read_request

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.sandbox.wix.admission import Door
    from pipeline.sandbox.wix.context import Context
    from pipeline.sandbox.wix.settings import Settings
    from pipeline.sandbox.wix.store import Store

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Those of no operation are there to be refused in the vendor's envelope."""
_PAGE: Final = "<html><head><title>{0}</title></head><body><p>{0}</p></body></html>"


def call_of(vendor: str, target: Target, body: bytes, store: Store, settings: Settings) -> Call | None:
    """What a request asks for; None for another vendor's path."""
    if not belongs_here(target.path):
        return None
    operation, consent_id = operation_at(target.method, target.path)
    if operation is None:
        return Call(vendor, "")
    rows = rows_of(operation.name, read_request(consent_id, target, body), store)
    aliases = frozenset({consent_id} if consent_id else ())
    expired = token_expired()
    refused = Refusal(expired.status, expired.envelope())
    return Call(vendor, operation.name, rows, aliases, throttled=throttled(settings).envelope(), key_refused=refused)


def answer(request: Request, body: bytes, context: Context, door: Door) -> Response:
    """Let one request in, or not, and carry it out."""
    exchange, store = context.exchange, context.store
    target = Target(request.method, request.scope["path"], request.scope["query_string"].decode("latin-1"))
    operation, consent_id = operation_at(target.method, target.path)
    if operation is None:
        return _refused(RefusedError(404, context.settings.not_found_code, "no such path"), context)
    if operation.writes:
        exchange.write_applied = False
    asked = read_request(consent_id, target, body)
    try:
        door.admit(request.headers, operation, context.settings, context.seconds)
        door.count(len(exchange.call.keys), context.settings, context.seconds)
        with store.transaction() if operation.writes else store.lock:
            return JSONResponse(ACTIONS[operation.name](context, asked), headers=_request_id())
    except RefusedError as refusal:
        return _refused(refusal, context)


def visit(request: Request, context: Context) -> Response:
    """A person follows a link: what they confirm or revoke takes effect, once (22)."""
    context.exchange.write_applied = False
    with context.store.transaction():
        consent = context.store.numbered(number_of(request.query_params.get("token", "")))
        if consent is None:
            return HTMLResponse(_PAGE.format("This link is not valid"), 404)
        content = followed(consent, KIND_OF_PATH[request.scope["path"]], context.now)
        if content is not None and request.method == "GET":  # a scanner's HEAD is no choice
            context.save(consent.details, content, consent, counts=True)
        return HTMLResponse(_PAGE.format("Your choice is kept"))


def _refused(refusal: RefusedError, context: Context) -> Response:
    settings = context.settings
    context.exchange.error_code = refusal.code
    status, headers = refusal.status, _request_id()
    if isinstance(refusal, InvalidError) and refusal.only_missing:
        status = settings.required_field_status
    if status == 429 and settings.retry_after_seconds is not None:
        headers["retry-after"] = str(settings.retry_after_seconds)
    if status == 429 and settings.throttled_body == "html":
        return HTMLResponse(_PAGE.format("Too Many Requests"), status, headers)
    return JSONResponse(refusal.envelope(), status, headers)


def _request_id() -> dict[str, str]:
    return {"x-wix-request-id": str(uuid4())}
