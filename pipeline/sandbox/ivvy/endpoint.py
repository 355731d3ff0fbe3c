"""The vendor's paths: HTTP in, one action carried out, the documented envelopes out (sections 1.2 to 1.4)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from pipeline.sandbox.ivvy.actions import OF_A_BATCH, WRITES, perform
from pipeline.sandbox.ivvy.batch import ACTIONS as BATCH
from pipeline.sandbox.ivvy.batches import Job
from pipeline.sandbox.ivvy.identity import rows_of
from pipeline.sandbox.ivvy.refusals import RefusedError, UnsuccessfulError
from pipeline.sandbox.ivvy.signature import authenticate, unknown_key
from pipeline.sandbox.vendor import Call, Refusal, Target

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.sandbox.ivvy.context import Context
    from pipeline.sandbox.ivvy.parameters import Params
    from pipeline.sandbox.ivvy.settings import Settings
    from pipeline.sandbox.ivvy.store import Store
    from pipeline.sandbox.ivvy.throttle import Bucket

PATH: Final = "/api/1.0/{namespace}"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""All but POST are there to be refused in the vendor's envelope."""
_PATH: Final = re.compile(r"/api/1\.0/([^/]+)")
_NAMESPACES: Final = {**OF_A_BATCH, "batch": BATCH}


def call_of(vendor: str, target: Target, body: bytes, store: Store, settings: Settings) -> Call | None:
    """What a request asks for, by the path alone if its body cannot be read; None for another's path."""
    found = _PATH.fullmatch(target.path)
    if found is None:
        return None
    namespace, action = found[1], action_of(target.query)
    operation = f"batch.{action}" if namespace == "batch" else action
    rows = rows_of(namespace, action, params_of(body) or {}, store)
    aliases = frozenset[str]().union(*(row.aliases for row in rows))
    unknown = unknown_key(settings)
    refused = Refusal(unknown.error_code, unknown.document)
    keys = tuple(row.key for row in rows)
    return Call(vendor, operation, keys, aliases, throttled=_throttled(settings).document, key_refused=refused)


def answer(request: Request, body: bytes, context: Context, bucket: Bucket) -> Response:
    """Let one request in, or not, and carry it out."""
    exchange = context.exchange
    if exchange.call.operation in WRITES:
        exchange.write_applied = False
    try:
        job = _admitted(request, body, context, bucket)
        return JSONResponse(perform(context, job, _NAMESPACES))
    except UnsuccessfulError as failure:
        exchange.error_code = failure.label
        return JSONResponse(failure.document)
    except RefusedError as refusal:
        exchange.error_code = refusal.label
        return JSONResponse(refusal.document, refusal.error_code, _headers(refusal, context))


def action_of(query: str) -> str:
    """The action that a query names; empty if it names none."""
    return parse_qs(query).get("action", [""])[0]


def params_of(body: bytes) -> Params | None:
    """The parameters; none for an empty body, None for one that is no JSON object."""
    if not body.strip():
        return {}
    try:
        params = json.loads(body, parse_constant=_refuse_constant)
        if b"\\u" in body:
            json.dumps(params, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        return None
    return params if isinstance(params, dict) else None


def _admitted(request: Request, body: bytes, context: Context, bucket: Bucket) -> Job:
    """The action to carry out. Raises RefusedError before anything is looked at that the caller may not see."""
    settings = context.settings
    if request.method != "POST":
        raise settings.refusal("method", 405, "Method Not Allowed")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise settings.refusal("content_type", 406, "Not Acceptable")
    authenticate(request, body, settings, context.now)
    cost = max(1, len(context.exchange.call.keys)) if settings.rate_counts_jobs else 1
    if not bucket.take(cost, settings, context.now):
        raise _throttled(settings)
    params = params_of(body)
    if params is None:
        raise settings.refusal("bad_json", 400, "Bad Request", "The body is not a JSON object")
    query = request.scope["query_string"].decode("latin-1")
    return Job(namespace=request.path_params["namespace"], action=action_of(query), params=params)


def _throttled(settings: Settings) -> RefusedError:
    return settings.refusal("throttled", 429, "Too Many Requests")


def _headers(refusal: RefusedError, context: Context) -> dict[str, str]:
    wait = context.settings.retry_after
    return {"retry-after": str(wait)} if refusal.error_code == 429 and wait is not None else {}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
