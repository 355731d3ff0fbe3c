"""Wix Marketing Consent: consents by email address and phone number over REST."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError
from starlette.routing import BaseRoute, Route

from pipeline.sandbox.documents import changed_settings, first_fault
from pipeline.sandbox.vendor import Call, SandboxError, Target, exchange_of
from pipeline.sandbox.wix.admission import Door
from pipeline.sandbox.wix.context import Context
from pipeline.sandbox.wix.endpoint import METHODS, answer, call_of, visit
from pipeline.sandbox.wix.links import LINK_PATHS
from pipeline.sandbox.wix.operations import PREFIX
from pipeline.sandbox.wix.seeds import Seed, SeedReader, nothing_stored
from pipeline.sandbox.wix.settings import Settings
from pipeline.sandbox.wix.store import Store
from pipeline.sandbox.wix.values import iso_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response


class Wix:
    """The vendor as the server mounts it: the API below one folder, the links, and the control methods of `Vendor`."""

    name = "wix"

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
        self._door = Door(clock())

    def routes(self) -> Sequence[BaseRoute]:
        """The API's folder, and the paths that the links lead to."""
        links = [Route(path, self._visit) for path in LINK_PATHS.values()]
        return [Route(f"{PREFIX}/{{path:path}}", self._call, methods=METHODS), *links]

    def describe(self, target: Target, body: bytes) -> Call | None:
        """Operation and keys of a request."""
        return call_of(self.name, target, body, self._store, self._settings)

    def load(self, document: JsonValue, *, replace: bool = False) -> None:
        """Store consents; one for an address or with an id that is stored is overwritten whole."""
        try:
            seed = Seed.model_validate(document)
        except ValidationError as error:
            raise SandboxError(first_fault(error)) from error
        with self._store.transaction():
            find = nothing_stored if replace else self._store.find
            consents = SeedReader(self._settings, find, iso_time(self._clock())).consents(seed.consents)
            if replace:
                self._store.clear()
            self._store.put(consents)

    def dump(self) -> dict[str, JsonValue]:
        """All consents, in the seed's shape, oldest first."""
        return {"consents": [consent.as_json() for consent in self._store.everything()]}

    def reset(self) -> None:
        """Forget all consents; settings go back to those given at the start, the key and the rate begin anew."""
        self._store.clear()
        self._settings = self._initial
        self._door = Door(self._clock())

    def settings(self) -> dict[str, JsonValue]:
        """All switches with their values."""
        return self._settings.model_dump(mode="json")

    def change_settings(self, changes: Mapping[str, JsonValue]) -> None:
        """Set some switches; a key that is set is a new one."""
        self._settings = changed_settings(self._settings, changes)
        if "api_key" in changes:
            self._door.key_set_at = self._clock()

    def overview(self) -> dict[str, JsonValue]:
        """How many consents there are."""
        return {"consents": self._store.size()}

    def environment(self, url: str) -> dict[str, str]:
        """What a client needs to know; `WIX_URL` is what stands before `/v1/...`."""
        return {
            "WIX_URL": f"{url}{PREFIX}",
            "WIX_API_KEY": self._settings.api_key,
            "WIX_SITE_ID": self._settings.site_id,
        }

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    async def _call(self, request: Request) -> Response:
        return answer(request, await request.body(), self._context(request), self._door)

    async def _visit(self, request: Request) -> Response:
        return visit(request, self._context(request))

    def _context(self, request: Request) -> Context:
        now = self._clock()
        return Context(self._store, self._settings, exchange_of(request), now, iso_time(now))
