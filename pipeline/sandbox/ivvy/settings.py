"""The assumption switches: one for each question that the vendor's documentation leaves open."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.ivvy.refusals import Code, Reason, RefusedError

Transition = Literal["ignore", "allow", "reject"]


class Settings(BaseModel):
    """How the emulated iVvy behaves where its documentation is silent; G-numbers are the gaps in the contract."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: str = Field(default="sandbox-key", description="The key that is accepted; any other is answered 401.")
    api_secret: str = Field(default="sandbox-secret", description="The secret that requests are signed with.")
    key_revoked: bool = Field(default=False, description="The key is answered 463.")
    forbidden: tuple[str, ...] = Field(
        default=(),
        description="G38: what the key's user may not do, as `contact` or `contact.addOrUpdateContact`; answered 403.",
    )
    clock_offset_seconds: float = Field(
        default=0, description="How far the server's clock is ahead of the world's; its times of record are too."
    )
    clock_window_seconds: float = Field(
        default=300, ge=0, description="G39: a request's date may differ by so much; beyond it is stale."
    )
    md5_check: bool = Field(
        default=True, description="G24: Content-MD5 is compared with the body, before the signature is looked at."
    )
    specific_codes: dict[Reason, int] = Field(
        default_factory=dict,
        description="G23: the `specificCode` of a refusal where none is documented; 23000, a placeholder, if unset.",
    )
    requests_per_second: float | None = Field(
        default=None, gt=0, description="G25: the rate at which a token bucket fills; None: no limit."
    )
    burst: int | None = Field(
        default=None, ge=1, description="G25: what the bucket holds; None: one second's worth, at least 1."
    )
    retry_after: int | None = Field(default=None, ge=0, description="G25: Retry-After of a 429, in seconds, or none.")
    rate_counts_jobs: bool = Field(default=False, description="G25: each job of a batch takes a token.")
    sms_status: Literal["reject", "ignore", "accept"] = Field(
        default="reject",
        description="G1: `smsStatus` on write, since it was withdrawn. `accept`: as before, and it is read back.",
    )
    resubscribe: Transition = Field(
        default="ignore", description="G2: status 2 to 1. `ignore` answers success and leaves the status."
    )
    bounced_to_subscribed: Transition = Field(
        default="ignore", description="G3: status 3 to 1, unless the e-mail address changes in the same request."
    )
    no_marketing_to_subscribed: Transition = Field(default="allow", description="G3: status 5 to 1.")
    email_change_clears_bounce: bool = Field(
        default=True, description="G4: another e-mail address turns status 3 into 1, unless a status is given."
    )
    status_on_add: Literal[1, 2, 5] = Field(
        default=1, description="G5: the status of an added contact if none is given."
    )
    duplicate_add: Literal["success_false", "duplicate", "error"] = Field(
        default="success_false", description="G8: add with a stored triple and without updateIfExists."
    )
    triple_match: Literal["folded", "exact"] = Field(
        default="folded", description="G9: names and e-mail match trimmed and without case, or exactly."
    )
    success_shape: Literal["documented", "id_only", "success_and_id"] = Field(
        default="documented",
        description="The answer of addOrUpdateContact. `documented`: the id alone, and `success` beside it in a batch.",
    )
    ids_as: Literal["number", "string"] = Field(default="number", description="How a contact's own id is read.")
    required_fields_enforced: bool = Field(
        default=False, description="G14: an added contact needs all required custom fields; an update cannot clear one."
    )
    max_lengths: dict[str, int] = Field(
        default_factory=dict, description="G16: the longest text by parameter, such as `firstName`; unset: any length."
    )
    phone_rule: Literal["any", "number"] = Field(
        default="any", description="G16: what `phone` may be; `number`: digits and the usual marks between them."
    )
    external_id_unique: bool = Field(
        default=False, description="G18: an externalId of another contact is answered `success: false`."
    )
    unknown_keys: Literal["ignore", "reject"] = Field(default="ignore", description="G20: parameters nobody knows.")
    unknown_id: Literal["error_400", "error_404", "success_false"] = Field(
        default="error_400", description="G21: addOrUpdateContact with an id that is not there."
    )
    not_found_status: Literal[400, 404] = Field(
        default=400, description="G22: HTTP status of 24096 on read, 24105 and 24115."
    )
    group_noop_status: bool = Field(
        default=True, description="The status for a contact that is in the group, or out of it, already."
    )
    per_page_cap: int = Field(default=100, ge=1, description="G27: `perPage` is cut down to this.")
    per_page_default: int = Field(default=100, ge=1, description="G27: `perPage` when it is not given.")
    filters: Literal["all", "documented"] = Field(
        default="all", description="G29: filters work for every scalar field, or only for those that are documented."
    )
    unknown_filter: Literal["reject", "ignore"] = Field(
        default="reject", description="G29: a filter for anything else; `ignore` answers as if it were not there."
    )
    list_has_status: bool = Field(default=False, description="G30: getContactList shows `status`.")
    noop_touches: bool = Field(default=False, description="G31: a write that changes nothing sets modifiedDate.")
    read_lag_ms: int = Field(default=0, ge=0, description="Reads answer with the old data for this long after a write.")
    batch_max_jobs: int = Field(default=200, ge=1, description="Jobs in one run; more are answered 24448.")
    batch_seconds: float = Field(
        default=0, ge=0, description="G36: how long a batch takes, its jobs evenly spread over it; 0: done at once."
    )
    batch_queue_seconds: float = Field(default=0, ge=0, description="G36: how long a batch waits before that.")
    batch_progress_step: float = Field(
        default=0, ge=0, le=100, description="G36: progress is told in steps of so many percent; 0: as it is."
    )
    batch_stall_after: int | None = Field(
        default=None, ge=0, description="A batch stops after so many jobs, until `restart`."
    )
    batch_execution: Literal["in_order", "shuffled"] = Field(
        default="in_order", description="G33: the order in which jobs take effect."
    )
    batch_results_order: Literal["in_order", "shuffled"] = Field(
        default="in_order", description="G33: the order in which results are listed."
    )
    batch_drop_results: int = Field(default=0, ge=0, description="So many results are missing at the end of the list.")
    batch_failed_job: Literal["error", "success_false"] = Field(
        default="error", description="G34: the response of a refused job."
    )
    batch_not_saved: bool = Field(default=False, description="Every run is answered 24091.")
    callback_required: bool = Field(default=False, description="G35: a run needs `callbackUrl`.")
    results_days: float = Field(default=2, gt=0, description="A batch is forgotten so long after its end.")

    def refusal(self, reason: Reason, error_code: int, message: str, *details: str) -> RefusedError:
        """An error whose `specificCode` is not documented (G23)."""
        return RefusedError(error_code, self.specific_codes.get(reason, Code.PLACEHOLDER), message, details)
