"""Reads what a request says of a consent, and gathers all that is wrong with its shape."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipeline.sandbox.wix.marketing_consent import (
    ACTIVITY_FIELDS,
    CONFIRMATION,
    EXTENDED,
    REVOCATION,
    STATE,
    Content,
    Details,
)
from pipeline.sandbox.wix.refusals import InvalidError, Rule, Violation, missing
from pipeline.sandbox.wix.values import camel, is_email, is_phone, moment

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pipeline.sandbox.wix.settings import Settings

STATES: Final = ("UNKNOWN_STATE", "NEVER_CONFIRMED", "REVOKED", "PENDING", "CONFIRMED")
_ENUMS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    (CONFIRMATION, "source"): (
        *("UNKNOWN_SOURCE", "IN_PERSON", "FORM", "LINK_CONFIRMATION", "EMAIL_SERVICE", "WIX_USERS", "OTHER"),
    ),
    (CONFIRMATION, "optInLevel"): ("UNKNOWN_OPT_IN_LEVEL", "SINGLE_CONFIRMATION", "DOUBLE_CONFIRMATION"),
    (REVOCATION, "source"): ("UNKNOWN_SOURCE", "IN_PERSON", "FORM", "REVOKE_LINK", "WIX_USERS", "OTHER"),
}
_FIELDS: Final = frozenset(
    {"id", "revision", "details", STATE, "createdDate", "updatedDate", CONFIRMATION, REVOCATION, EXTENDED}
)


@dataclass(frozen=True, slots=True)
class ConsentInput:
    """A consent as a request describes it."""

    details: Details
    content: Content
    """Only what was sent and is not null."""
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One document being read; the methods note violations and go on."""

    settings: Settings
    violations: list[Violation] = field(default_factory=list)

    def checked(self) -> None:
        """Raises InvalidError if anything was wrong."""
        if self.violations:
            raise InvalidError(self.violations)

    def consent(self, document: JsonValue, path: str = "") -> ConsentInput:
        """Raises InvalidError with all that is wrong, before anything is carried out."""
        fields = self.object(document, path, _FIELDS)
        details = self.details(fields.get("details"))
        content = {
            name: value
            for name, value in (
                (STATE, self.choice(fields.get(STATE), STATE, STATES)),
                (CONFIRMATION, self.activity(fields.get(CONFIRMATION), CONFIRMATION)),
                (REVOCATION, self.activity(fields.get(REVOCATION), REVOCATION)),
                (EXTENDED, self.extended(fields.get(EXTENDED))),
            )
            if value is not None
        }
        revision = self.revision(fields.get("revision"))
        self.checked()
        assert details is not None  # noqa: S101 - checked
        return ConsentInput(details, content, revision)

    def details(self, value: JsonValue, path: str = "details") -> Details | None:
        """A type and the one address that goes with it (y, z)."""
        if value is None:
            self._note(missing(path))
            return None
        fields = self.object(value, path, {"type", "email", "phone"})
        return self.address(fields, f"{path}.") if isinstance(value, Mapping) else None

    def address(self, fields: Mapping[str, JsonValue], prefix: str = "") -> Details | None:
        """The three fields of details, wherever they stand."""
        kind = self.choice(fields.get("type"), f"{prefix}type", ("EMAIL", "PHONE"))
        if fields.get("type") is None:
            self._note(missing(f"{prefix}type"))
        if kind is None:
            return None
        name, other = ("email", "phone") if kind == "EMAIL" else ("phone", "email")
        if fields.get(other) is not None:
            text = f"does not go with type {kind}"
            self._note(Violation(f"{prefix}{other}", text, Rule.ONE_OF_ALIGNMENT))
            return None
        address = self.text(fields.get(name), f"{prefix}{name}")
        if address is None:
            if fields.get(name) is None:
                self._note(missing(f"{prefix}{name}"))
            return None
        return Details(kind, address) if self._well_formed(name, address, f"{prefix}{name}") else None

    def activity(self, value: JsonValue, name: str) -> Content | None:
        """One of the two activities."""
        if value is None:
            return None
        fields = self.object(value, name, ACTIVITY_FIELDS[name])
        activity: Content = {}
        for part in ACTIVITY_FIELDS[name]:
            path = f"{name}.{part}"
            values = _ENUMS.get((name, part))
            found = self.choice(fields.get(part), path, values) if values else self.text(fields.get(part), path)
            if found is not None:
                activity[part] = found
        longest = self.settings.max_description_length
        if len(activity.get("description", "")) > longest:
            self._too_long(f"{name}.description", longest)
        if "updatedDate" in activity and moment(activity["updatedDate"]) is None:
            self._note(Violation(f"{name}.updatedDate", "is not an RFC 3339 date and time", Rule.VALIDATION))
        return activity

    def extended(self, value: JsonValue) -> Content | None:
        """`{}` or `{namespaces: {name: {...}}}`; what is in a namespace is free."""
        if value is None:
            return None
        fields = self.object(value, EXTENDED, {"namespaces"})
        if "namespaces" not in fields:
            return {}
        path = f"{EXTENDED}.namespaces"
        namespaces = fields["namespaces"]
        if not isinstance(namespaces, Mapping) or not all(isinstance(inner, Mapping) for inner in namespaces.values()):
            self._note(Violation(path, "is not an object of objects", Rule.VALIDATION))
            return None
        return {"namespaces": dict(namespaces)}

    def revision(self, value: JsonValue) -> int | None:
        """A number, or its text."""
        digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
        if digits.isascii() and digits.isdigit():
            return int(digits)
        if value is not None:
            self._note(Violation("revision", "is not an integer", Rule.VALIDATION))
        return None

    def object(self, value: JsonValue, path: str, known: Collection[str]) -> dict[str, Any]:
        """The fields that are not null, by their names in camel case."""
        if not isinstance(value, Mapping):
            self._note(Violation(path, "is not an object", Rule.VALIDATION))
            return {}
        fields = {camel(name): inner for name, inner in value.items() if inner is not None}
        if self.settings.unknown_fields == "refuse":
            for name in fields.keys() - known:
                self._note(Violation(f"{path}.{name}".lstrip("."), "is not a field", Rule.FIELD_NOT_ALLOWED))
        return fields

    def choice(self, value: JsonValue, path: str, allowed: Collection[str]) -> str | None:
        """One of some words."""
        text = self.text(value, path)
        if text is None or text in allowed:
            return text
        self._note(Violation(path, f"is not one of {', '.join(allowed)}", Rule.INVALID_ENUM_VALUE))
        return None

    def text(self, value: JsonValue, path: str) -> str | None:
        """Any text."""
        if value is None or isinstance(value, str):
            return value
        self._note(Violation(path, "is not a string", Rule.VALIDATION))
        return None

    def _well_formed(self, name: str, address: str, path: str) -> bool:
        longest = self.settings.max_email_length
        if name == "email" and len(address) > longest:
            self._too_long(path, longest)
            return False
        fits = is_email(address) if name == "email" else is_phone(address)
        if not fits:
            text = "is not an email address" if name == "email" else "is not an E.164 number"
            self._note(Violation(path, text, Rule.FORMAT, {self.settings.format_data: name.upper()}))
        return fits

    def _too_long(self, path: str, longest: int) -> None:
        text = f"must have at most {longest} characters"
        self._note(Violation(path, text, Rule.MAX_LENGTH, {"threshold": longest}))

    def _note(self, violation: Violation) -> None:
        self.violations.append(violation)
