"""Acoustic Connect: contacts and consent over GraphQL, in the `dataSetId` generation and in the current one."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError
from starlette.routing import BaseRoute, Route

from pipeline.sandbox.acoustic_connect.audience import CHANNELS, Audience
from pipeline.sandbox.acoustic_connect.batch import Context
from pipeline.sandbox.acoustic_connect.endpoint import answer, call_of, gateway_refusal
from pipeline.sandbox.acoustic_connect.seeds import Seed, read_contacts, seed_of
from pipeline.sandbox.acoustic_connect.settings import Settings
from pipeline.sandbox.acoustic_connect.store import Store
from pipeline.sandbox.documents import changed_settings, first_fault
from pipeline.sandbox.vendor import Call, SandboxError, Target, exchange_of
from pipeline.sandbox.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response


class AcousticConnect:
    """The vendor as the server mounts it: one path, and the control methods of `Vendor`."""

    name = "acoustic_connect"

    def __init__(
        self,
        settings: Mapping[str, JsonValue] | None = None,
        database: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._initial = changed_settings(Settings(), settings or {})
        self._settings = self._initial
        self._clock = clock
        self._store = Store(database, clock)
        self._audience: Audience | None = None
        self._window = Window()
        self._see_audience()

    def routes(self) -> Sequence[BaseRoute]:
        """The one path of the API."""
        return [Route("/", self._post, methods=["POST"])]

    def describe(self, target: Target, body: bytes) -> Call | None:
        """Operation and keys of a request."""
        return call_of(self.name, body, self._audience) if target.path == "/" else None

    def load(self, document: JsonValue, *, replace: bool = False) -> None:
        """Store an audience, contacts or both; contacts with a key that is stored are overwritten whole."""
        try:
            seed = Seed.model_validate(document)
        except ValidationError as error:
            raise SandboxError(first_fault(error)) from error
        with self._store.transaction():
            if replace:
                self._store.clear()
            stored = self._store.audience
            audience = stored.merged(seed.data_set) if stored and seed.data_set else seed.data_set or stored
            if audience is not None:
                self._put(audience, seed.contacts)
            elif seed.contacts:
                raise SandboxError("contacts: no data_set is given or stored")
        self._see_audience()

    def dump(self) -> dict[str, JsonValue]:
        """The audience and all contacts, in the seed's shape."""
        with self._store.lock:
            audience = self._store.audience
            contacts: list[JsonValue] = [seed_of(contact) for contact in self._store.everything()]
            described: JsonValue = None if audience is None else audience.model_dump(mode="json")
            return {"data_set": described, "contacts": contacts}

    def reset(self) -> None:
        """Forget audience and contacts; settings go back to those given at the start."""
        self._store.clear()
        self._settings = self._initial
        self._window = Window()
        self._see_audience()

    def settings(self) -> dict[str, JsonValue]:
        """All switches with their values."""
        return self._settings.model_dump(mode="json")

    def change_settings(self, changes: Mapping[str, JsonValue]) -> None:
        """Set some switches."""
        self._settings = changed_settings(self._settings, changes)
        self._window = Window()
        self._see_audience()

    def overview(self) -> dict[str, JsonValue]:
        """Name and size of the audience, and the generation served."""
        with self._store.lock:
            return {
                "data_set": self._audience.name if self._audience else None,
                "contacts": self._store.size(),
                "api_generation": self._settings.api_generation,
            }

    def environment(self, url: str) -> dict[str, str]:
        """What a client needs to know."""
        return {"ACOUSTIC_CONNECT_URL": url, "ACOUSTIC_CONNECT_API_KEY": self._settings.api_key}

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    async def _post(self, request: Request) -> Response:
        body = await request.body()
        seconds = self._clock()
        refusal = gateway_refusal(request, body, self._settings, self._window, seconds)
        if refusal is not None:
            return refusal
        now = iso_time(seconds)
        return answer(body, Context(self._store, self._audience, self._settings, exchange_of(request), now))

    def _see_audience(self) -> None:
        audience = self._store.audience
        self._audience = audience and audience.limited_to(CHANNELS[self._settings.api_generation])

    def _put(self, audience: Audience, seeds: Sequence[JsonValue]) -> None:
        contacts = read_contacts(seeds, audience, iso_time(self._clock()))
        if self._store.size() == 0 or audience.key is None:
            self._store.drop_indexes()
            self._store.append(contacts)
            self._store.put_audience(audience)
            return
        self._store.put_audience(audience)
        for contact in contacts:
            key = contact.attributes.get(audience.key.name)
            found = self._store.find(audience.key, key) if isinstance(key, str) else []
            contact.number = found[0].number if found else None
            self._store.save(contact, None, 0)


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
