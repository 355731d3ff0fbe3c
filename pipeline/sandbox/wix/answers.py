"""The bodies of answers (section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sandbox.wix.consent import eligibility
from pipeline.sandbox.wix.links import link_of
from pipeline.sandbox.wix.marketing_consent import MarketingConsent
from pipeline.sandbox.wix.refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from pipeline.sandbox.wix.batch import Result
    from pipeline.sandbox.wix.pages import Page
    from pipeline.sandbox.wix.settings import Settings

    Body = dict[str, JsonValue]


def shown(consent: MarketingConsent, settings: Settings) -> Body:
    """A consent by itself: what get and remove answer."""
    return {"marketingConsent": consent.as_json(nulls=settings.unset_fields == "null")}


def written(consent: MarketingConsent, settings: Settings) -> Body:
    """A consent and its link: what create, update and upsert answer (24)."""
    link = link_of(consent, settings)
    return shown(consent, settings) | ({"link": link} if link else {})


def found_by_address(consent: MarketingConsent, settings: Settings) -> Body:
    """What get-by answers (27)."""
    granted: Body = eligibility(consent)
    link = link_of(consent, settings)
    if link and link["type"] == "REVOKE_CONFIRMATION":
        granted["revokeConfirmationLink"] = link["url"]
    return {**shown(consent, settings), "communicationEligibility": granted}


def page(found: Page, settings: Settings) -> Body:
    """What query answers; the list's name is in the singular (49)."""
    nulls = settings.unset_fields == "null"
    cursors: Body = {"next": found.next, "prev": found.prev}
    paging: Body = {"count": len(found.consents), "cursors": cursors, "hasNext": found.next is not None}
    return {"marketingConsent": [consent.as_json(nulls=nulls) for consent in found.consents], "pagingMetadata": paging}


def bulk(results: Sequence[Result], settings: Settings) -> Body:
    """What bulk upsert answers (40, 41), or the shape of the vendor's other bulk methods (44)."""
    failures = sum(isinstance(result, RefusedError) for result in results)
    if settings.bulk_error_shape == "standard":
        rows: list[JsonValue] = [_standard_row(at, result, settings) for at, result in enumerate(results)]
        totals: Body = {"totalSuccesses": len(results) - failures, "totalFailures": failures, "undetailedFailures": 0}
        return {"results": rows, "bulkActionMetadata": totals}
    rows = [_index(at, settings) | _outcome(result, settings) for at, result in enumerate(results)]
    return {"results": rows, "metadata": {"totalSuccess": len(results) - failures, "totalFailure": failures}}


def _outcome(result: Result, settings: Settings) -> Body:
    if isinstance(result, MarketingConsent):
        return written(result, settings)
    if settings.bulk_error_shape == "string":
        return {"error": f"{result.shown_code}: {result.text}"}
    return {"error": {"code": result.shown_code, "description": result.text}}


def _standard_row(position: int, result: Result, settings: Settings) -> Body:
    metadata = _index(position, settings)
    if isinstance(result, MarketingConsent):
        metadata |= {"id": result.id, "success": True}
        return {"itemMetadata": metadata, **written(result, settings)}
    error: Body = {"code": result.shown_code, "description": result.text, "data": result.data}
    return {"itemMetadata": {**metadata, "success": False, "error": error}}


def _index(position: int, settings: Settings) -> Body:
    said = {"always": True, "omit_zero": position != 0, "never": False}[settings.bulk_original_index]
    return {"originalIndex": position} if said else {}
