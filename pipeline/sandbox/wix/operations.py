"""The nine methods of the API and the two links: their names in the request log, paths and permissions (3, 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.sandbox.wix.links import LINK_PATHS

if TYPE_CHECKING:
    from pipeline.sandbox.wix.settings import Permission

PREFIX: Final = "/marketing-consent"
_CONSENTS: Final = f"{PREFIX}/v1/marketing-consent"


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request can ask for."""

    name: str
    permission: Permission | None
    """None: a person's visit, without a key."""

    @property
    def writes(self) -> bool:
        """Whether it may change a consent."""
        return self.permission != "READ"


_FIXED: Final = {
    ("POST", _CONSENTS): Operation("create", "UPSERT"),
    ("GET", f"{_CONSENTS}/get-by"): Operation("getBy", "READ"),
    ("POST", f"{_CONSENTS}/query"): Operation("query", "READ"),
    ("POST", f"{_CONSENTS}/upsert"): Operation("upsert", "UPSERT"),
    ("POST", f"{_CONSENTS}/remove"): Operation("remove", "UPSERT"),
    ("POST", f"{PREFIX}/v1/bulk/marketing-consent/upsert"): Operation("bulkUpsert", "UPSERT"),
    ("GET", LINK_PATHS["CONFIRMATION"]): Operation("subscribe", None),
    ("GET", LINK_PATHS["REVOKE_CONFIRMATION"]): Operation("unsubscribe", None),
}
_WITH_ID: Final = {
    "GET": Operation("get", "READ"),
    "PATCH": Operation("update", "UPDATE"),
    "DELETE": Operation("delete", "DELETE"),
}


def operation_at(method: str, path: str) -> tuple[Operation | None, str]:
    """The operation and the id in its path; None for a path that the API does not have."""
    fixed = _FIXED.get((method, path))
    if fixed is not None:
        return fixed, ""
    consent_id = path.removeprefix(f"{_CONSENTS}/")
    if consent_id in {path, ""} or "/" in consent_id:
        return None, ""
    return _WITH_ID.get(method), consent_id


def belongs_here(path: str) -> bool:
    """Whether a path is the vendor's, known or not."""
    return path.startswith(f"{PREFIX}/") or path in LINK_PATHS.values()
