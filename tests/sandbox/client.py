"""A small client of the emulated Acoustic Connect, and the audience that the tests use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx

    from pipeline.sandbox.server import Sandbox

NEWS, OFFERS, TEXTS = "g-news", "g-offers", "g-texts"
DATA_SET: Final[dict[str, Any]] = {
    "dataSetId": "ds-1",
    "name": "Lakeside members",
    "attributes": [
        {"name": "Member No", "type": "TEXT", "identifyAs": {"key": True, "channels": None}},
        {"name": "Mail", "type": "TEXT", "identifyAs": {"key": None, "channels": ["EMAIL"]}},
        {"name": "Mobile", "type": "TEXT", "identifyAs": {"key": None, "channels": ["SMS"]}},
        {"name": "Nick", "type": "TEXT", "category": "Demographic"},
        {"name": "Points", "type": "NUMBER", "decimalPrecision": 1},
        {"name": "Active", "type": "BOOLEAN"},
        {"name": "Joined", "type": "DATE"},
        {"name": "Score", "type": "NUMBER", "behaviour": True},
    ],
    "consentGroups": [
        {"id": NEWS, "name": "News"},
        {"id": OFFERS, "name": "Offers", "channels": ["EMAIL"]},
        {"id": TEXTS, "name": "Texts", "channels": ["SMS"]},
    ],
}


def seed(*contacts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A seed with the tests' audience, parts of it changed."""
    return {"acoustic_connect": {"data_set": DATA_SET | changes, "contacts": list(contacts)}}


def stored(key: str | None, *, mail: str | None = None, mobile: str | None = None, **consent: Any) -> dict[str, Any]:
    """A contact of a seed; `consent` is `channels` and `consentGroups`."""
    attributes = {"Member No": key, "Mail": mail, "Mobile": mobile}
    return {"attributes": {n: v for n, v in attributes.items() if v is not None}, "consent": consent}


def attributes(**values: Any) -> list[dict[str, Any]]:
    """Attribute input; underscores stand for spaces in names."""
    return [{"name": name.replace("_", " "), "value": value} for name, value in values.items()]


def channel(name: str, status: str | None) -> dict[str, Any]:
    """A channel entry of a consent input."""
    return {"channel": name, "status": status}


def codes(answer: dict[str, Any]) -> list[str]:
    """The codes of an answer's errors."""
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


class Client:
    """Speaks GraphQL to a running sandbox, in the generation that the sandbox serves."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client) -> None:
        self.sandbox = sandbox
        self.http = http

    def post(self, query: str, **variables: Any) -> httpx.Response:
        """One request with the right key."""
        body = {"query": query, "variables": variables}
        return self.http.post(self.sandbox.url, json=body, headers={"x-api-key": "sandbox-key"})

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer's JSON, whatever its status."""
        answer: dict[str, Any] = self.post(query, **variables).json()
        return answer

    @property
    def _current(self) -> bool:
        return self.sandbox.settings()["api_generation"] == "current"

    def create(self, *rows: dict[str, Any]) -> dict[str, Any]:
        """createContacts."""
        if self._current:
            query = "mutation($r:[ContactCreateInput!]!){createContacts(contactsInput:$r){items{contactKey message}}}"
            return self.ask(query, r=rows)
        query = (
            'mutation($r:[ContactCreateInput!]!){createContacts(dataSetId:"ds-1",contactsInput:$r){items{contactId}}}'
        )
        return self.ask(query, r=rows)

    def update(self, *rows: dict[str, Any]) -> dict[str, Any]:
        """updateContacts."""
        data_set = "" if self._current else 'dataSetId:"ds-1",'
        return self.ask(
            "mutation($r:[UpdateContactInput!]!){updateContacts(%supdateContactInputs:$r){modifiedCount}}" % data_set,  # noqa: UP031
            r=rows,
        )

    def consent(self, key: str, **consent: Any) -> dict[str, Any]:
        """updateContacts with nothing but consent for one contact."""
        return self.update({"key": key, "to": {"consent": consent}})

    def contacts(self) -> list[dict[str, Any]]:
        """All that is stored, without HTTP."""
        dump: Any = self.sandbox.dump()["acoustic_connect"]
        found: list[dict[str, Any]] = dump["contacts"]
        return found

    def contact(self, key: str) -> dict[str, Any]:
        """The one stored contact with that key."""
        [found] = [c for c in self.contacts() if c["attributes"].get("Member No") == key]
        return found

    def statuses(self, key: str) -> dict[str, str]:
        """A contact's channel statuses."""
        found: dict[str, str] = self.contact(key)["consent"]["channels"]
        return found

    def groups(self, key: str) -> dict[str, dict[str, str]]:
        """A contact's group statuses."""
        found: dict[str, dict[str, str]] = self.contact(key)["consent"]["consentGroups"]
        return found
