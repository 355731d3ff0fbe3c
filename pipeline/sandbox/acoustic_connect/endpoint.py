"""The vendor's one path: HTTP in, GraphQL carried out, the documented envelopes out (sections 1.1, 1.9 and 3.6)."""

from __future__ import annotations

import json
import logging
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from graphql import ExecutionResult, GraphQLError, execute_sync
from graphql.utilities import value_from_ast_untyped
from starlette.responses import JSONResponse, Response

from pipeline.sandbox.acoustic_connect.coercion import listed, objects
from pipeline.sandbox.acoustic_connect.documents import faults_of, parsed, root_fields, schema_of
from pipeline.sandbox.acoustic_connect.identity import identity_of_selector, identity_of_values
from pipeline.sandbox.acoustic_connect.refusals import BatchRefusedError, Code, RefusedError, bad_input
from pipeline.sandbox.vendor import Call, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue
    from starlette.requests import Request

    from pipeline.sandbox.acoustic_connect.audience import Audience
    from pipeline.sandbox.acoustic_connect.batch import Context
    from pipeline.sandbox.acoustic_connect.settings import Settings
    from pipeline.sandbox.window import Window

KEY_REFUSED: Final = Refusal(403, {"message": "Forbidden"})
_log = logging.getLogger(__name__)


def gateway_refusal(
    request: Request, body: bytes, settings: Settings, window: Window, seconds: float
) -> Response | None:
    """What the gateway answers by itself: a bare `message`, no `errors`."""
    if request.headers.get("x-api-key") != settings.api_key:
        return JSONResponse(KEY_REFUSED.body, KEY_REFUSED.status)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return JSONResponse({"message": "Unsupported Media Type"}, 415)
    if len(body) > settings.max_body_bytes:
        return JSONResponse({"message": "Request Too Long"}, 413)
    if not window.admits(1, settings.requests_per_minute, seconds):
        wait = {"retry-after": str(ceil(window.wait_seconds(seconds)))} if settings.retry_after == "seconds" else {}
        return JSONResponse({"message": "Too Many Requests"}, 429, wait)
    return None


def answer(body: bytes, context: Context) -> Response:
    """Carry out one GraphQL request."""
    settings = context.settings
    payload = payload_of(body)
    if payload is None:
        return _refused([GraphQLError("Body is not {query, variables}")], Code.BAD_USER_INPUT, context)
    query = str(payload["query"])
    faults = faults_of(query, settings)
    document = parsed(query)
    if faults or isinstance(document, GraphQLError):
        return _refused(list(faults), Code.GRAPHQL_VALIDATION_FAILED, context)
    result = execute_sync(
        schema_of(settings),
        document,
        context_value=context,
        variable_values=_variables(payload),
        operation_name=_operation_name(payload),
    )
    if not result.errors:
        return JSONResponse({"data": result.data})
    if result.data is None and all(error.path is None for error in result.errors):
        return _refused(result.errors, Code.BAD_USER_INPUT, context)
    return _failed(result, context)


def payload_of(body: bytes) -> Mapping[str, JsonValue] | None:
    """The request object; None if the body is no GraphQL request."""
    try:
        payload = json.loads(body)
    except ValueError:
        return None
    fits = (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables") or {}, dict)
        and isinstance(payload.get("operationName") or "", str)
    )
    return payload if fits else None


def call_of(vendor: str, body: bytes, audience: Audience | None) -> Call:
    """What a request asks for, read from the document and its variables without the schema."""
    payload = payload_of(body)
    if payload is None:
        return Call(vendor, "", key_refused=KEY_REFUSED)
    variables = _variables(payload)
    fields = root_fields(str(payload["query"]), _operation_name(payload))
    keys: list[str] = []
    for field in fields:
        arguments = {node.name.value: value_from_ast_untyped(node.value, variables) for node in field.arguments}
        keys += _identities(arguments, audience)
    operation = ",".join(field.name.value for field in fields)
    return Call(vendor, operation, tuple(keys), key_refused=KEY_REFUSED)


def _identities(arguments: Mapping[str, Any], audience: Audience | None) -> list[str]:
    creates = [
        identity_of_values({str(a.get("name")): a.get("value") for a in objects(row.get("attributes"))}, audience)
        for row in objects(arguments.get("contactsInput"))
    ]
    updates = [identity_of_selector(row) for row in objects(arguments.get("updateContactInputs"))]
    deletes: list[str] = []
    for where in objects(arguments.get("where")):
        deletes += [str(key) for key in listed(where.get("keyList"))]
        deletes += [identity_of_selector({"addressable": row}) for row in listed(where.get("addressableList"))]
    return creates + updates + deletes


def _variables(payload: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    variables = payload.get("variables")
    return variables if isinstance(variables, dict) else {}


def _operation_name(payload: Mapping[str, JsonValue]) -> str | None:
    name = payload.get("operationName")
    return name if isinstance(name, str) and name else None


def _refused(errors: list[GraphQLError], code: str, context: Context) -> Response:
    """The request does not fit the schema: no `data` at all."""
    context.exchange.error_code = code
    listing = [{**error.formatted, "extensions": {"code": code}} for error in errors]
    return JSONResponse({"errors": listing}, context.settings.validation_error_status)


def _failed(result: ExecutionResult, context: Context) -> Response:
    """Refused while it was carried out: `path` stops at the field and tells nothing of the row (AC-15)."""
    found = [(error, refusal) for error in result.errors or () for refusal in _refusals(error)]
    listing = [{**error.formatted, "message": r.message, "extensions": r.extensions} for error, r in found]
    context.exchange.error_code = found[0][1].code
    return JSONResponse({"errors": listing, "data": result.data}, context.settings.graphql_error_status)


def _refusals(error: GraphQLError) -> list[RefusedError]:
    match error.original_error:
        case BatchRefusedError(refusals=refusals):
            return list(refusals)
        case RefusedError() as refusal:
            return [refusal]
        case None:
            return [bad_input(error.message)]
        case unexpected:
            _log.error("A resolver failed", exc_info=unexpected)
            return [RefusedError(Code.INTERNAL_SERVER_ERROR, "Internal server error")]
