"""A small client of the emulated Wix, with a clock that is set by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx

    from pipeline.sandbox.server import Sandbox

START: Final = datetime(2026, 9, 4, 10, tzinfo=UTC).timestamp()
NOW: Final = "2026-09-04T10:00:00.000Z"
"""`START` as the API writes it."""
KEY, SITE = "sandbox-key", "9d3f5c1a-7b42-4e0d-8c6f-1a2b3c4d5e6f"
CONSENTS: Final = "/v1/marketing-consent"
BULK: Final = "/v1/bulk/marketing-consent/upsert"
CONFIRMED: Final = {
    "source": "FORM",
    "description": "Autumn fair, row 14",
    "updatedDate": "2026-09-03T08:15:00Z",
    "optInLevel": "SINGLE_CONFIRMATION",
}
DOUBLE: Final = {"source": "FORM", "optInLevel": "DOUBLE_CONFIRMATION", "updatedDate": "2026-09-03T08:15:00Z"}
REVOKED: Final = {"source": "IN_PERSON", "description": "At the desk", "updatedDate": "2026-09-02T12:00:00Z"}
PHONE: Final = "+12025550101"
ALL: Final = ["ann@example.com", "bob@example.com", "cleo@example.org", PHONE]
"""The addresses of the tests' seed, in the order of their ids."""
STATES: Final = ("UNKNOWN_STATE", "NEVER_CONFIRMED", "REVOKED", "PENDING", "CONFIRMED")


def address(text: str) -> dict[str, str]:
    """Details for an email address or a phone number."""
    return {"type": "EMAIL", "email": text} if "@" in text else {"type": "PHONE", "phone": text}


def consent(text: str, state: str = "CONFIRMED", **more: Any) -> dict[str, Any]:
    """A consent with all that its state asks for."""
    needed: dict[str, dict[str, Any]] = {
        "CONFIRMED": {"lastConfirmationActivity": CONFIRMED},
        "PENDING": {"lastConfirmationActivity": DOUBLE},
        "REVOKED": {"lastRevokeActivity": REVOKED},
    }
    return {"details": address(text), "state": state, **needed.get(state, {}), **more}


def violations(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Field and rule of each violation."""
    listing = answer["details"]["validationError"]["fieldViolations"]
    return [(entry["field"], entry["violatedRule"]) for entry in listing]


def code(answer: dict[str, Any]) -> str:
    """The code of an application error."""
    found: str = answer["details"]["applicationError"]["code"]
    return found


@dataclass
class Clock:
    """The time that the sandbox goes by, in seconds since 1970."""

    now: float = START

    def __call__(self) -> float:
        return self.now


class Client:
    """Speaks to a running sandbox as a client with the right key would."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client, clock: Clock) -> None:
        self.sandbox = sandbox
        self.http = http
        self.clock = clock

    def send(self, method: str, path: str, body: object = None, **headers: str | None) -> httpx.Response:
        """One request; underscores in header names are hyphens, None leaves a header out."""
        given = {"authorization": KEY, "wix_site_id": SITE, **headers}
        kept = {name.replace("_", "-"): value for name, value in given.items() if value is not None}
        url = f"{self.sandbox.url}/marketing-consent{path}"
        if isinstance(body, bytes):
            return self.http.request(method, url, content=body, headers=kept)
        return self.http.request(method, url, json=body, headers=kept)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The JSON of an answer, whatever its status."""
        answer: dict[str, Any] = self.send(method, path, body).json()
        return answer

    def create(self, sent: object) -> dict[str, Any]:
        """Create Marketing Consent."""
        return self.ask("POST", CONSENTS, {"marketingConsent": sent})

    def upsert(self, sent: object) -> dict[str, Any]:
        """Upsert Marketing Consent."""
        return self.ask("POST", f"{CONSENTS}/upsert", {"marketingConsent": sent})

    def bulk(self, *info: object) -> dict[str, Any]:
        """Bulk Upsert Marketing Consent."""
        return self.ask("POST", BULK, {"info": info})

    def update(self, consent_id: str, sent: dict[str, Any], *paths: str) -> dict[str, Any]:
        """Update Marketing Consent."""
        body = {"marketingConsent": sent, "mask": {"paths": paths}}
        return self.ask("PATCH", f"{CONSENTS}/{consent_id}", body)

    def remove(self, text: str, **more: Any) -> dict[str, Any]:
        """Remove Marketing Consent."""
        return self.ask("POST", f"{CONSENTS}/remove", {"details": address(text), **more})

    def get(self, consent_id: str) -> dict[str, Any]:
        """Get Marketing Consent."""
        return self.ask("GET", f"{CONSENTS}/{consent_id}")

    def get_by(self, text: str) -> dict[str, Any]:
        """Get Marketing Consent By Identifier."""
        url = f"{self.sandbox.url}/marketing-consent{CONSENTS}/get-by"
        headers = {"authorization": KEY, "wix-site-id": SITE}
        answer: dict[str, Any] = self.http.get(url, params=address(text), headers=headers).json()
        return answer

    def query(self, **query: Any) -> dict[str, Any]:
        """Query Marketing Consent."""
        return self.ask("POST", f"{CONSENTS}/query", {"query": query})

    def refused_query(self, **query: Any) -> list[tuple[str, str]]:
        """The violations of a query, which must be answered 400."""
        response = self.send("POST", f"{CONSENTS}/query", {"query": query})
        assert response.status_code == 400
        return violations(response.json())

    def found(self, filter_: object, **query: Any) -> list[str]:
        """The addresses of the consents on the first page of a query."""
        answer = self.query(filter=filter_, **query)
        return [each["details"].get("email") or each["details"]["phone"] for each in answer["marketingConsent"]]

    def stored(self, text: str) -> dict[str, Any]:
        """The stored consent of an address, without HTTP."""
        dump: Any = self.sandbox.dump()["wix"]
        [found] = [each for each in dump["consents"] if each["details"] == address(text)]
        return dict(found)

    def set(self, **switches: Any) -> None:
        """Set some of Wix's switches."""
        self.sandbox.settings("wix", **switches)

    def load(self, *consents: dict[str, Any]) -> None:
        """Put consents in as a seed does."""
        self.sandbox.load({"wix": {"consents": list(consents)}})

    def visit(self, url: str) -> httpx.Response:
        """Follow a link of an answer as its reader would, on this machine."""
        return self.http.get(url.replace("https://shop.example.org", self.sandbox.url))
