"""iVvy: contacts, consent, subscription groups and batches over signed JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError
from starlette.routing import BaseRoute, Route

from pipeline.sandbox.documents import changed_settings, first_fault
from pipeline.sandbox.ivvy.batch import advance
from pipeline.sandbox.ivvy.context import Context
from pipeline.sandbox.ivvy.endpoint import METHODS, PATH, answer, call_of
from pipeline.sandbox.ivvy.seeds import Seed, read_contacts, seed_of
from pipeline.sandbox.ivvy.settings import Settings
from pipeline.sandbox.ivvy.store import Store
from pipeline.sandbox.ivvy.throttle import Bucket
from pipeline.sandbox.ivvy.values import timestamp
from pipeline.sandbox.vendor import Call, SandboxError, Target, exchange_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response


class Ivvy:
    """The vendor as the server mounts it: one path for each namespace, and the control methods of `Vendor`.

    Nobody waits for a batch: whoever asks for anything first lets those jobs take effect whose time has come.
    """

    name = "ivvy"

    def __init__(
        self,
        settings: Mapping[str, JsonValue] | None = None,
        database: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._initial = changed_settings(Settings(), settings or {})
        self._settings = self._initial
        self._clock = clock
        self._store = Store(database)
        self._bucket = Bucket()

    def routes(self) -> Sequence[BaseRoute]:
        """The paths of the API; the action is in the query."""
        return [Route(PATH, self._call, methods=METHODS)]

    def describe(self, target: Target, body: bytes) -> Call | None:
        """Operation and keys of a request."""
        return call_of(self.name, target, body, self._store, self._settings)

    def load(self, document: JsonValue, *, replace: bool = False) -> None:
        """Store definitions, contacts or both; those with an id that is stored are overwritten whole."""
        try:
            seed = Seed.model_validate(document)
        except ValidationError as error:
            raise SandboxError(first_fault(error)) from error
        now = self._clock()
        with self._store.transaction():
            advance(self._store, self._settings, now)
            if replace:
                self._store.clear()
            account = self._store.account.merged(seed)
            self._store.put_account(account)
            stamp = timestamp(now + self._settings.clock_offset_seconds)
            self._store.append(read_contacts(seed.contacts, account, stamp))

    def dump(self) -> dict[str, JsonValue]:
        """Definitions and all contacts, in the seed's shape; batches are not part of it."""
        with self._store.transaction():
            advance(self._store, self._settings, self._clock())
            definitions = self._store.account.model_dump(mode="json")
            return {**definitions, "contacts": [seed_of(contact) for contact in self._store.everything()]}

    def reset(self) -> None:
        """Forget definitions, contacts and batches; settings go back to those given at the start."""
        self._store.clear()
        self._settings = self._initial
        self._bucket = Bucket()

    def settings(self) -> dict[str, JsonValue]:
        """All switches with their values."""
        return self._settings.model_dump(mode="json")

    def change_settings(self, changes: Mapping[str, JsonValue]) -> None:
        """Set some switches; jobs whose time has come take effect as they were."""
        changed = changed_settings(self._settings, changes)
        with self._store.transaction():
            advance(self._store, self._settings, self._clock())
        self._settings = changed
        self._bucket = Bucket()

    def overview(self) -> dict[str, JsonValue]:
        """How much there is of everything."""
        with self._store.lock:
            account = self._store.account
            return {
                "groups": len(account.groups),
                "custom_fields": len(account.custom_fields),
                "companies": len(account.companies),
                "contacts": self._store.size(),
            }

    def environment(self, url: str) -> dict[str, str]:
        """What a client needs to know."""
        return {
            "IVVY_URL": url,
            "IVVY_API_KEY": self._settings.api_key,
            "IVVY_API_SECRET": self._settings.api_secret,
        }

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    async def _call(self, request: Request) -> Response:
        body = await request.body()
        settings, now = self._settings, self._clock()
        with self._store.transaction():
            advance(self._store, settings, now)
            return answer(request, body, Context(self._store, settings, exchange_of(request), now), self._bucket)
