"""What the rows of a request are called: the address as its key, that is email trimmed and in lower case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.sandbox.wix.links import number_of
from pipeline.sandbox.wix.requests import WRAPPER
from pipeline.sandbox.wix.values import address_key

if TYPE_CHECKING:
    from pipeline.sandbox.wix.marketing_consent import MarketingConsent
    from pipeline.sandbox.wix.requests import Asked
    from pipeline.sandbox.wix.store import Store


def rows_of(operation: str, asked: Asked, store: Store) -> tuple[str, ...]:
    """The addresses that a request is about, in the order sent, unchecked; empty where a row has none to be read.

    A request by id is about the stored consent's address, or about the id where nothing is stored.
    """
    if asked.consent_id:
        return (_stored(store.get(asked.consent_id)) or asked.consent_id,)
    return tuple(_named(operation, asked, store))


def _named(operation: str, asked: Asked, store: Store) -> Iterable[str]:
    body = asked.body or {}
    match operation:
        case "bulkUpsert":
            info = body.get("info")
            return [_address(_inner(item, "details")) for item in info] if isinstance(info, list) else ()
        case "create" | "upsert":
            return (_address(_inner(body.get(WRAPPER, body), "details")),)
        case "remove":
            return (_address(body.get("details")),)
        case "getBy":
            return (_address(asked.parameters),)
        case "query":
            return _filtered(_inner(body.get("query"), "filter"))
        case _:
            return filter(None, [_stored(store.numbered(number_of(asked.parameters.get("token", ""))))])


def _stored(consent: MarketingConsent | None) -> str:
    return "" if consent is None else consent.details.key[1]


def _filtered(node: Any) -> Iterator[str]:
    """The addresses that a filter names as equal."""
    for name, operand in node.items() if isinstance(node, Mapping) else ():
        if name in {"$and", "$or"}:
            for inner in operand if isinstance(operand, list) else [operand]:
                yield from _filtered(inner)
        elif name in {"details.email", "details.phone"}:
            wanted = operand
            if isinstance(operand, Mapping):
                wanted = operand.get("$in", operand.get("$eq"))
            for text in wanted if isinstance(wanted, list) else [wanted]:
                if isinstance(text, str):
                    yield address_key(name.removeprefix("details.").upper(), text)


def _inner(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, Mapping) else None


def _address(details: Any) -> str:
    for name in ("email", "phone"):
        text = _inner(details, name)
        if isinstance(text, str):
            return address_key(name.upper(), text)
    return ""
