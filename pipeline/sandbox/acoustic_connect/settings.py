"""The assumption switches: one for each question that the vendor's documentation leaves open."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How the emulated Acoustic Connect behaves where its documentation is silent; A-numbers are the contract's.

    The names of error codes that the vendor does not document are settings too, so that nothing relies on them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: str = Field(
        default="sandbox-key", description="The `x-api-key` that is accepted; any other is answered 403."
    )
    api_generation: Literal["dataset", "current"] = Field(
        default="dataset", description="Which schema is served: with `dataSetId` everywhere, or the current one."
    )
    typed_consent_input: bool = Field(
        default=True,
        description="The schema holds back unknown channels and consent fields. Off: consent input is plain JSON, and "
        "INVALID_CHANNEL_TYPE and INVALID_CONSENT_FIELD_NAME answer what the schema would have refused.",
    )
    max_batch: int = Field(default=100, ge=1, description="A1: contacts per mutation; more are refused as a whole.")
    batch_too_large_code: str = Field(default="BATCH_TOO_LARGE", description="A1: the code of that refusal.")
    max_body_bytes: int = Field(
        default=10_485_760, ge=1, description="A3: a larger body is answered 413 by the gateway."
    )
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="A2: in any 60 seconds; more are answered 429 by the gateway. None: no limit."
    )
    retry_after: Literal["absent", "seconds"] = Field(
        default="absent", description="A2: whether a 429 says when the oldest request leaves those 60 seconds."
    )
    graphql_error_status: int = Field(
        default=200, ge=200, le=599, description="A5: HTTP status of an answer with errors."
    )
    validation_error_status: int = Field(
        default=400, ge=200, le=599, description="A5: HTTP status where document or variables do not fit the schema."
    )
    batch_mode: Literal["atomic", "partial_applied"] = Field(
        default="atomic", description="A6: a bad row undoes the whole batch, or only itself. The answer is the same."
    )
    error_report: Literal["first", "all"] = Field(
        default="first", description="A7: one error, or one for each bad row."
    )
    create_existing: Literal["upsert", "error", "duplicate"] = Field(
        default="upsert", description="A8: create for a contact that exists, matched by key, else by address."
    )
    already_exists_code: str = Field(default="CONTACT_ALREADY_EXISTS", description="A8, A9: the code of `error`.")
    address_conflict: Literal["new", "update", "error"] = Field(
        default="new", description="A9: create whose address belongs to a contact with another key."
    )
    opt_out_guard: bool = Field(
        default=False, description="A10: create leaves a stored OPT_OUT of an existing contact as it is."
    )
    implicit_email_opt_in: bool | None = Field(
        default=None,
        description="A11: a new contact with an email address and no word on EMAIL gets OPT_IN. "
        "None: on in the dataset generation, off in the current one.",
    )
    channel_opt_out_cascades: bool = Field(
        default=True, description="A12: a channel's OPT_OUT sets that channel to OPT_OUT in all groups that have it."
    )
    all_groups_out_sets_channel: bool = Field(
        default=True, description="A13: a group write that leaves a channel OPT_OUT in all groups sets the channel so."
    )
    group_status_scope: Literal["addressed", "all"] = Field(
        default="addressed",
        description="A14: a group's status goes to its channels with an address, or to all of them.",
    )
    exclusive_consent_on_update: bool = Field(
        default=True, description="A16: update refuses `channels` beside `consentGroups`, as create always does."
    )
    create_opt_out_needs_address: bool = Field(
        default=False, description="Create refuses OPT_OUT for a channel without address; the vendor says OPT_IN only."
    )
    count_noop: bool = Field(
        default=True, description="A19: `modifiedCount` counts every match, or only the contacts that changed."
    )
    ambiguous: Literal["all", "error"] = Field(
        default="all", description="A21: an addressable that matches several contacts updates all, or is refused."
    )
    ambiguous_code: str = Field(default="CONTACT_AMBIGUOUS", description="A21: the code of `error`.")
    not_found_by_addressable_code: str = Field(
        default="CONTACT_NOT_FOUND_BY_ADDRESSABLE", description="A22: the code where an addressable matches none."
    )
    addressable_with_key_audience: Literal["refuse", "allow"] = Field(
        default="refuse",
        description="Finding by address in an audience that has a key attribute; the vendor asks for the key.",
    )
    addressable_required_code: str = Field(
        default="ADDRESSABLE_ATTRIBUTE_REQUIRED", description="A26: the code for create without any address."
    )
    data_set_not_found_code: str = Field(
        default="DATA_SET_NOT_FOUND", description="The code for an unknown `dataSetId`."
    )
    phone_plus: Literal["add", "keep"] = Field(
        default="add", description="A27: phone numbers are stored with `+`, or as they were sent."
    )
    date_out_format: Literal["iso_milliseconds", "date", "space_milliseconds"] = Field(
        default="iso_milliseconds", description="A28: how a DATE is read back."
    )
    page_size_default: int = Field(default=10, ge=1, description="A31: contacts on a page when `first` is not given.")
    page_size_max: int = Field(default=1000, ge=1, description="A31: `first` and `last` are cut down to this.")
    visibility_delay_ms: int = Field(
        default=0, ge=0, description="A33: queries answer with the old data for this long after a write."
    )
    introspection: bool = Field(default=True, description="A39: introspection queries are answered.")

    @property
    def opts_email_in(self) -> bool:
        """A11 as it applies to the generation served."""
        if self.implicit_email_opt_in is None:
            return self.api_generation == "dataset"
        return self.implicit_email_opt_in
