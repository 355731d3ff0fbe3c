"""A small client of the emulated iVvy, with a clock that is set by hand and the account that the tests use."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx

    from pipeline.sandbox.server import Sandbox

NEWS, OFFERS, EVENTS = 310, 311, 312
REEF, DUNE = 77, 78
TEXT, NOTES, PLAN, TOPICS, HOME, AGREED, PHOTO, HINT, VISITS, RETIRED = range(900, 910)
ACCOUNT: Final[dict[str, Any]] = {
    "groups": [
        {"id": NEWS, "groupName": "Newsletter", "tagColour": "#3366CC"},
        {"id": OFFERS, "groupName": "Offers"},
        {"id": EVENTS, "groupName": "Events"},
    ],
    "custom_fields": [
        {"fieldId": TEXT, "fieldType": 0, "displayName": "Nick", "isRequired": True, "sortOrder": 9},
        {"fieldId": NOTES, "fieldType": 1, "displayName": "Notes"},
        {"fieldId": PLAN, "fieldType": 2, "displayName": "Plan", "selectValues": {"s": "Silver", "g": "Gold"}},
        {"fieldId": TOPICS, "fieldType": 3, "displayName": "Topics", "selectValues": {"news": "News", "art": "Art"}},
        {"fieldId": HOME, "fieldType": 4, "displayName": "Home"},
        {"fieldId": AGREED, "fieldType": 5, "displayName": "Agreed"},
        {"fieldId": PHOTO, "fieldType": 6, "displayName": "Photo", "fileTypes": ["images"]},
        {"fieldId": HINT, "fieldType": 7, "displayName": "Hint"},
        {"fieldId": VISITS, "fieldType": 8, "displayName": "Visits"},
        {"fieldId": RETIRED, "fieldType": 0, "displayName": "Retired", "isActive": False},
    ],
    "companies": [
        {"id": REEF, "businessName": "Reef Events", "modifiedDate": "2026-01-10 00:00:00"},
        {"id": DUNE, "businessName": "Dune Travel", "modifiedDate": "2026-01-20 00:00:00"},
    ],
}
SUBSCRIBED, UNSUBSCRIBED, BOUNCED, REGISTERING, NO_MARKETING = range(1, 6)
NAMES: Final = {1: "Ann", 2: "Bob", 3: "Cleo", 4: "Dan", 5: "Eve"}
"""The contacts of the seed by id; the status of each is its id."""


def stored(contact_id: int, **changes: Any) -> dict[str, Any]:
    """A contact of a seed."""
    name = NAMES.get(contact_id, f"N{contact_id}")
    contact = {"id": contact_id, "firstName": name, "lastName": "Lake", "email": f"{name.lower()}@example.com"}
    return {**contact, "externalId": f"crm-{contact_id}", **changes}


def seed(*contacts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A seed with the tests' account, parts of it changed."""
    return {"ivvy": {**ACCOUNT, "contacts": list(contacts), **changes}}


def person(name: str, **more: Any) -> dict[str, Any]:
    """The parameters that add a contact."""
    return {"firstName": name, "lastName": "Hill", "email": f"{name.lower()}@example.org", **more}


def job(action: str = "addOrUpdateContact", namespace: str = "contact", **params: Any) -> dict[str, Any]:
    """A job of a batch."""
    return {"namespace": namespace, "action": action, "params": params}


def by_id(async_id: str) -> dict[str, str]:
    """The parameter of all actions on a batch that was run."""
    return {"async": async_id}


@dataclass
class Clock:
    """The time that the sandbox goes by, in seconds since 1970."""

    now: float

    def __call__(self) -> float:
        return self.now

    @property
    def stamp(self) -> str:
        """In the vendor's form."""
        return datetime.fromtimestamp(self.now, UTC).strftime("%Y-%m-%d %H:%M:%S")


START: Final = datetime(2026, 2, 3, 1, 10, 44, tzinfo=UTC).timestamp()


def signed(target: str, body: bytes, headers: dict[str, str]) -> str:
    """The signature of a POST with these headers and the default secret, as section 4 of the contract has it."""
    own = {name.replace("-", "").replace("_", ""): value for name, value in headers.items() if name.startswith("ivvy")}
    ivvy_headers = "&".join(f"{name}={own[name]}" for name in sorted(own))
    date = "" if own else headers.get("date", "")
    digest = hashlib.md5(body).hexdigest()  # noqa: S324 - the vendor's choice
    text = f"POST{digest}{headers['content-type']}{date}{target}1.0{ivvy_headers}".lower()
    return hmac.new(b"sandbox-secret", text.encode(), "sha1").hexdigest()


class Client:
    """Speaks to a running sandbox as a client with the right key would."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client, clock: Clock) -> None:
        self.sandbox = sandbox
        self.http = http
        self.clock = clock

    def headers(self, target: str, body: bytes, **changes: str | None) -> dict[str, str]:
        """All headers of a request, signed after the changes; None leaves one out, underscores are hyphens."""
        given = {"content-type": "application/json", "ivvy-date": self.clock.stamp}
        given |= {name.replace("_", "-"): value for name, value in changes.items()}  # type: ignore[misc]
        sent = {name: value for name, value in given.items() if value is not None}
        signature = signed(target, body, sent)
        md5 = hashlib.md5(body).hexdigest()  # noqa: S324 - the vendor's choice
        return {"content-md5": md5, "x-api-authorization": f"IWS sandbox-key:{signature}", **sent}

    def send(self, namespace: str, action: str, body: bytes, **headers: str | None) -> httpx.Response:
        """One signed request with that body."""
        target = f"/api/1.0/{namespace}?action={action}"
        return self.http.post(self.sandbox.url + target, content=body, headers=self.headers(target, body, **headers))

    def post(self, namespace: str, action: str, **params: Any) -> httpx.Response:
        """One signed request."""
        return self.send(namespace, action, json.dumps(params).encode())

    def ask(self, action: str, **params: Any) -> Any:
        """The JSON of an answer of the namespace `contact`, whatever its status."""
        return self.post("contact", action, **params).json()

    def write(self, **params: Any) -> dict[str, Any]:
        """addOrUpdateContact."""
        answer: dict[str, Any] = self.ask("addOrUpdateContact", **params)
        return answer

    def contact(self, contact_id: int) -> dict[str, Any]:
        """getContact."""
        answer: dict[str, Any] = self.ask("getContact", id=contact_id)
        return answer

    def status(self, contact_id: int) -> int:
        """A contact's email status."""
        status: int = self.contact(contact_id)["status"]
        return status

    def found(self, **terms: Any) -> list[Any]:
        """The ids that getContactList finds with a filter."""
        return [contact["id"] for contact in self.ask("getContactList", filter=terms)["results"]]

    def batch(self, action: str, **params: Any) -> dict[str, Any]:
        """The JSON of an answer of the namespace `batch`, whatever its status."""
        answer: dict[str, Any] = self.post("batch", action, **params).json()
        return answer

    def run(self, *jobs: dict[str, Any]) -> str:
        """Start a batch; returns its id."""
        async_id: str = self.batch("run", jobs=jobs)["asyncId"]
        return async_id

    def responses(self, async_id: str) -> list[Any]:
        """What became of each job of a batch."""
        return [entry["response"] for entry in self.batch("results", **by_id(async_id))["results"]]

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Set some of the switches."""
        return self.sandbox.settings("ivvy", **changes)

    def contacts(self) -> list[dict[str, Any]]:
        """All that is stored, without HTTP."""
        dump: Any = self.sandbox.dump()["ivvy"]
        contacts: list[dict[str, Any]] = dump["contacts"]
        return contacts


def reasons(answer: Any) -> tuple[int, str, list[str]]:
    """What an error says: its specificCode, its message and the additional ones."""
    return answer["specificCode"], answer["message"], answer.get("additionalMessages", [])


def invalid(parameter: str, reason: str) -> tuple[int, str, list[str]]:
    """What the error for a parameter that does not validate says."""
    return 23016, f"'{parameter}' does not validate", [reason]


def missing(parameter: str) -> tuple[int, str, list[str]]:
    """What the error for a parameter that is required says."""
    return 23017, f"'{parameter}' is required", []


def last_entry(client: Client) -> Any:
    """The newest entry of the request log."""
    return client.sandbox.requests("ivvy")[-1]
