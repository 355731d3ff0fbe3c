"""What each operation does with what it is sent; bodies in, bodies out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pipeline.sandbox.wix import answers
from pipeline.sandbox.wix.batch import upsert_all
from pipeline.sandbox.wix.consent_input import ConsentInput, Reading
from pipeline.sandbox.wix.context import Context
from pipeline.sandbox.wix.marketing_consent import REVOCATION
from pipeline.sandbox.wix.mask import read_mask
from pipeline.sandbox.wix.mutations import Mutations
from pipeline.sandbox.wix.queries import consent_for_address, consent_with_id, consents_page
from pipeline.sandbox.wix.refusals import InvalidError, RefusedError, below, missing
from pipeline.sandbox.wix.requests import WRAPPER, Asked

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import JsonValue

Action = Callable[[Context, Asked], dict[str, Any]]


def _create(context: Context, asked: Asked) -> dict[str, Any]:
    fields = _fields(context, asked, {WRAPPER})
    with below(WRAPPER):
        consent = Mutations(context).create(_consent(context, fields.get(WRAPPER)))
    return answers.written(consent, context.settings)


def _upsert(context: Context, asked: Asked) -> dict[str, Any]:
    wrapped = context.settings.wrapper_required or WRAPPER in asked.fields
    document = _fields(context, asked, {WRAPPER}).get(WRAPPER) if wrapped else dict(asked.fields)
    with below(WRAPPER):
        consent = Mutations(context).upsert(_consent(context, document))
    return answers.written(consent, context.settings)


def _bulk_upsert(context: Context, asked: Asked) -> dict[str, Any]:
    results = upsert_all(Mutations(context), _fields(context, asked, {"info"}).get("info"))
    codes = (result.code for result in results if isinstance(result, RefusedError))
    context.exchange.error_code = next(codes, None)
    return answers.bulk(results, context.settings)


def _update(context: Context, asked: Asked) -> dict[str, Any]:
    fields = _fields(context, asked, {WRAPPER, "mask"})
    paths = read_mask(fields.get("mask"))
    with below(WRAPPER):
        sent = _consent(context, fields.get(WRAPPER))
        consent = Mutations(context).update(asked.consent_id, sent, paths)
    return answers.written(consent, context.settings)


def _remove(context: Context, asked: Asked) -> dict[str, Any]:
    reading = Reading(context.settings)
    fields = reading.object(dict(asked.fields), "", {"details", REVOCATION})
    details = reading.details(fields.get("details"))
    activity = reading.activity(fields.get(REVOCATION), REVOCATION)
    reading.checked()
    assert details is not None  # noqa: S101 - checked
    return answers.shown(Mutations(context).remove(details, activity), context.settings)


def _delete(context: Context, asked: Asked) -> dict[str, Any]:
    Mutations(context).delete(asked.consent_id)
    return {}


def _get(context: Context, asked: Asked) -> dict[str, Any]:
    return answers.shown(consent_with_id(context, asked.consent_id), context.settings)


def _get_by(context: Context, asked: Asked) -> dict[str, Any]:
    return answers.found_by_address(consent_for_address(context, asked.parameters), context.settings)


def _query(context: Context, asked: Asked) -> dict[str, Any]:
    return answers.page(consents_page(context, _fields(context, asked, {"query"}).get("query")), context.settings)


ACTIONS: Final[Mapping[str, Action]] = {
    "create": _create,
    "upsert": _upsert,
    "bulkUpsert": _bulk_upsert,
    "update": _update,
    "remove": _remove,
    "delete": _delete,
    "get": _get,
    "getBy": _get_by,
    "query": _query,
}
"""By operation. Each raises RefusedError, and has then written nothing."""


def _fields(context: Context, asked: Asked, known: Collection[str]) -> dict[str, Any]:
    reading = Reading(context.settings)
    fields = reading.object(dict(asked.fields), "", known)
    reading.checked()
    return fields


def _consent(context: Context, document: JsonValue) -> ConsentInput:
    if document is None:
        raise InvalidError([missing("")])
    return Reading(context.settings).consent(document)
