"""The assumption switches: one for each question that the vendor's documentation leaves open."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Permission = Literal["READ", "UPSERT", "UPDATE", "DELETE"]
ALL_PERMISSIONS: tuple[Permission, ...] = ("READ", "UPSERT", "UPDATE", "DELETE")


class Settings(BaseModel):
    """How the emulated Wix behaves where its documentation is silent.

    Letters are those of the contract's section 4, numbers those of its facts. The names of error codes that the
    vendor does not document are settings too, so that nothing relies on them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: str = Field(default="sandbox-key", description="The `Authorization` that is accepted, raw (10).")
    site_id: str = Field(
        default="9d3f5c1a-7b42-4e0d-8c6f-1a2b3c4d5e6f", description="The `wix-site-id` that the key may act for (11)."
    )
    permissions: tuple[Permission, ...] = Field(
        default=ALL_PERMISSIONS, description="What the key may do (5); anything else is answered 403."
    )
    missing_key_status: Literal[401, 403] = Field(
        default=401, description="13: no `Authorization` at all; the two guides of the vendor differ."
    )
    both_ids: Literal["refuse", "accept"] = Field(
        default="refuse", description="11: `wix-site-id` beside `wix-account-id` is answered 403, or taken."
    )
    token_seconds: float | None = Field(
        default=None, gt=0, description="aj: the key expires so long after it was set; then 401. None: never."
    )
    requests_per_minute: int | None = Field(
        default=200, ge=1, description="59, ad: in any 60 seconds; more are answered 429. None: no limit."
    )
    rate_counts_items: bool = Field(default=False, description="ad: a bulk call counts once for each item.")
    retry_after_seconds: int | None = Field(default=None, ge=0, description="ad: `Retry-After` of a 429. None: absent.")
    throttled_body: Literal["json", "html"] = Field(default="json", description="ad: the body of a 429.")
    throttled_code: str = Field(default="RESOURCE_EXHAUSTED", description="57: the code of a 429.")

    bulk_max_items: int = Field(default=500, ge=1, description="a: items in a bulk call; more are refused as a whole.")
    bulk_fault_scope: Literal["mixed", "item", "call"] = Field(
        default="mixed",
        description="d: whom a faulty item harms. `mixed`: a wrong JSON type, a malformed time, an unknown enum value "
        "or too long a text refuses the whole call with 400, any other fault is the item's own error. `item`, `call`: "
        "all one way.",
    )
    bulk_error_shape: Literal["string", "object", "standard"] = Field(
        default="string",
        description="c: an item's `error` is a text, or an object of `code` and `description`; `standard`: the results "
        "are in the shape of the vendor's other bulk methods, `itemMetadata` and `bulkActionMetadata`.",
    )
    bulk_original_index: Literal["always", "omit_zero", "never"] = Field(
        default="always",
        description="f: which results say their `originalIndex`. Shuffled, lost, doubled results: fault `wrong_list`.",
    )

    update_without_revision: Literal["accept", "refuse"] = Field(
        default="accept", description="h: an update that names no revision goes unchecked, or is answered 400."
    )
    stale_revision: Literal["conflict", "ignore"] = Field(
        default="conflict", description="i: an update with another revision than the stored one: 409, or not looked at."
    )
    revision_conflict_code: str = Field(default="INVALID_REVISION", description="i, 31: the code of that 409.")
    bump_on_noop: bool = Field(
        default=True, description="k: an upsert or remove that changes nothing moves `revision` and `updatedDate`."
    )
    unknown_state_on_phone: Literal["set", "keep"] = Field(
        default="set", description="19: UNKNOWN_STATE for a stored PHONE consent; for EMAIL the state is always kept."
    )
    kept_state_checked: bool = Field(
        default=False, description="l: where UNKNOWN_STATE keeps the state, the kept state's activity is asked for."
    )
    activity_rule: Literal["current", "2023"] = Field(
        default="current",
        description="m, 18: in the 2023 wording all states but REVOKED and NEVER_CONFIRMED need a confirmation "
        "activity, UNKNOWN_STATE too, and REVOKED needs none.",
    )
    activity_strict: bool = Field(
        default=False, description="A needed activity must hold `source` and `optInLevel`, and not as UNKNOWN_..."
    )
    revoke_without_activity: Literal["refuse", "fill"] = Field(
        default="refuse", description="o, 38: an update to REVOKED without revoke activity: 400, or filled with OTHER."
    )
    remove_needs_activity: bool = Field(
        default=False, description="26: remove without revoke activity is answered 400; prose and schema differ."
    )
    pending_needs_double_opt_in: bool = Field(
        default=False, description="r, 23: PENDING with another level than DOUBLE_CONFIRMATION is answered 400."
    )
    state_required: bool = Field(
        default=False, description="s: an upsert without `state` is answered 400; else it means UNKNOWN_STATE."
    )
    wrapper_required: bool = Field(
        default=True, description="t: an upsert's body without the `marketingConsent` around it is answered 400."
    )
    upsert_absent: Literal["keep", "clear"] = Field(
        default="keep", description="Activities and extended fields that an upsert of a stored consent does not name."
    )
    create_existing: Literal["conflict", "upsert"] = Field(
        default="conflict", description="u: create for an address that has a consent: 409, or the consent is changed."
    )
    already_exists_code: str = Field(default="ALREADY_EXISTS", description="u: the code of that 409.")
    not_found_code: str = Field(default="NOT_FOUND", description="v: the code of a 404.")
    unknown_fields: Literal["ignore", "refuse"] = Field(
        default="ignore", description="Fields that the schema does not have; a slip in a name shows with `refuse`."
    )
    required_field_status: Literal[400, 428] = Field(
        default=400, description="56: the status where nothing is wrong but that required fields are missing."
    )
    format_data: Literal["expected", "type"] = Field(
        default="expected", description="58: how a FORMAT violation's `data` names the format; the vendor has both."
    )
    max_email_length: int = Field(default=320, ge=1, description="x: longer is answered MAX_LENGTH.")
    max_description_length: int = Field(default=1000, ge=1, description="x: longer is answered MAX_LENGTH.")

    query_lag_ms: int = Field(default=0, ge=0, description="ae, 53: queries answer as of so long ago.")
    get_by_lag_ms: int = Field(default=0, ge=0, description="ae, 9: get-by answers as of so long ago.")
    query_email_case: Literal["ignore", "exact"] = Field(
        default="ignore", description="w: `$eq`, `$ne` and `$in` compare email as the uniqueness key does, or exactly."
    )
    page_size_default: int = Field(default=50, ge=1, description="af, 48: consents on a page without `limit`.")
    page_size_max: int = Field(default=100, ge=1, description="af, 48: a larger `limit` is answered 400.")
    cursor_seconds: float | None = Field(
        default=None, gt=0, description="ag: an older cursor is answered 400. None: they never expire."
    )
    cursor_alone: bool = Field(
        default=True, description="52: filter or sort beside a cursor is answered 400; else they are not looked at."
    )
    unset_fields: Literal["omit", "null"] = Field(default="omit", description="ah: unset fields of an answer.")

    links: bool = Field(default=True, description="24: answers carry links for the person.")
    link_base_url: str = Field(
        default="https://shop.example.org", description="24: what links begin with; the sandbox serves their paths."
    )

    @property
    def keep_seconds(self) -> float:
        """For how long the state before a write may still be asked for (ae)."""
        return max(self.query_lag_ms, self.get_by_lag_ms) / 1000
