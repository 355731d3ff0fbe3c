"""The `/_control/` routes: load and read data, switch assumptions, schedule faults, read the request log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from pipeline.sandbox.traffic import CONTROL_PREFIX, Traffic
from pipeline.sandbox.vendor import SandboxError, Vendor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue
    from starlette.requests import Request


async def refuse(_request: Request, error: Exception) -> Response:
    """The answer to a SandboxError: the caller's document is at fault."""
    return JSONResponse({"message": str(error)}, 422)


def control_routes(vendors: Mapping[str, Vendor], traffic: Traffic) -> list[BaseRoute]:
    """Routes for all vendors together and one folder for each."""
    overall = _Overall(vendors, traffic)
    routes: list[BaseRoute] = [
        Route("/", overall.overview),
        Route("/faults", overall.faults, methods=["GET", "POST", "DELETE"]),
        Route("/requests", overall.requests, methods=["GET", "DELETE"]),
    ]
    for name, vendor in vendors.items():
        routes.append(Mount(f"/{name}", routes=_vendor_routes(_OfVendor(vendor, traffic))))

    async def to_overview(_request: Request) -> Response:
        return RedirectResponse(f"{CONTROL_PREFIX}/")

    return [Route(CONTROL_PREFIX, to_overview), Mount(CONTROL_PREFIX, routes=routes)]


def _vendor_routes(vendor: _OfVendor) -> list[BaseRoute]:
    return [
        Route("/load", vendor.load, methods=["POST"]),
        Route("/dump", vendor.dump),
        Route("/reset", vendor.reset, methods=["POST"]),
        Route("/settings", vendor.settings, methods=["GET", "POST", "PATCH"]),
        Route("/requests", vendor.requests, methods=["GET", "DELETE"]),
    ]


@dataclass(frozen=True, slots=True)
class _Overall:
    vendors: Mapping[str, Vendor]
    traffic: Traffic

    async def overview(self, request: Request) -> Response:
        """GET: vendors, faults in force and the control routes."""
        url = str(request.base_url).rstrip("/").removesuffix(CONTROL_PREFIX)
        vendors = {
            name: {**vendor.overview(), "settings": vendor.settings(), "environment": vendor.environment(url)}
            for name, vendor in self.vendors.items()
        }
        parts = [f"{CONTROL_PREFIX}/{name}/{part}" for name in vendors for part in _PARTS]
        routes = [*parts, f"{CONTROL_PREFIX}/faults", f"{CONTROL_PREFIX}/requests"]
        return JSONResponse({"vendors": vendors, "faults": self.traffic.schedule.described(), "routes": routes})

    async def faults(self, request: Request) -> Response:
        """GET: the schedule. POST: another in its place. DELETE: none."""
        if request.method != "GET":
            self.traffic.schedule.replace(None if request.method == "DELETE" else await _document(request))
        return JSONResponse(self.traffic.schedule.described())

    async def requests(self, request: Request) -> Response:
        """GET: the log of all vendors. DELETE: clear it."""
        return _log(request, self.traffic, None)


_PARTS = ("load", "dump", "reset", "settings", "requests")


@dataclass(frozen=True, slots=True)
class _OfVendor:
    vendor: Vendor
    traffic: Traffic

    async def load(self, request: Request) -> Response:
        """POST a seed; `?mode=replace` forgets what is stored. The vendor's name may wrap the seed."""
        document = await _document(request)
        if isinstance(document, dict) and set(document) == {self.vendor.name}:
            document = document[self.vendor.name]
        self.vendor.load(document, replace=request.query_params.get("mode") == "replace")
        return JSONResponse(self.vendor.overview())

    async def dump(self, _request: Request) -> Response:
        """GET everything stored, ready to be loaded again."""
        return JSONResponse({self.vendor.name: self.vendor.dump()})

    async def reset(self, _request: Request) -> Response:
        """POST: no data, first settings, empty log."""
        self.vendor.reset()
        self.traffic.journal.clear(self.vendor.name)
        return JSONResponse(self.vendor.overview())

    async def settings(self, request: Request) -> Response:
        """GET all switches; POST or PATCH some."""
        if request.method != "GET":
            changes = await _document(request)
            if not isinstance(changes, dict):
                raise SandboxError("settings are an object of names and values")
            self.vendor.change_settings(changes)
        return JSONResponse(self.vendor.settings())

    async def requests(self, request: Request) -> Response:
        """GET this vendor's log. DELETE: clear it."""
        return _log(request, self.traffic, self.vendor.name)


def _log(request: Request, traffic: Traffic, vendor: str | None) -> Response:
    if request.method == "DELETE":
        traffic.journal.clear(vendor)
    return JSONResponse([entry.as_json() for entry in traffic.journal.entries(vendor)])


async def _document(request: Request) -> JsonValue:
    try:
        return cast("JsonValue", json.loads(await request.body()))
    except ValueError as error:
        raise SandboxError(f"the body is not JSON: {error}") from error
