"""Builds each row's wire JSON from that row and its handle alone, by polars expressions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import polars as pl

from pipeline.destinations.ivvy import wire
from pipeline.destinations.ivvy.fields import ALL_URLS, COMPANIES, EXTERNAL_ID, URL, is_of_contact
from pipeline.model import Channel, Column, Operation, Status
from pipeline.values import JSON_NULL, json_text
from pipeline.wire_json import array, member, obj

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.destinations.ivvy.options import Options
    from pipeline.job import Attribute, Job

EMPTY: Final = '""'
"""Clears a value: what null does is documented for URLs only."""


def item(job: Job, operation: Operation, options: Options) -> pl.Expr:
    """What is to be done for a contact: `contact` (addOrUpdateContact), `add` and `remove` (groups), `kin` (opt-outs).

    Memberships are never in `contact`: there they would replace all others (IV-04).
    """
    creates = operation is Operation.CREATE
    attributes = job.sent_attributes(operation)
    statuses = [member("status", _status(job, operation, options)), member("smsStatus", _sms_status(job))]
    values = _values(attributes, options)
    something = pl.any_horizontal(*(part.is_not_null() for part in (*values, *statuses)))
    lead = [pl.lit('"updateIfExists":true')] if creates else [member("id", _of_handle("id"))]
    if job.identity_field == EXTERNAL_ID:
        # A contact that was found by its names gets the id that it is known by here, if it is certain who is meant.
        unnamed = pl.lit(creates) | ((_of_handle("named") == "false") & pl.col(Column.BARRED).is_null())
        lead.append(pl.when(unnamed).then(member(EXTERNAL_ID, json_text(pl.col(Column.IDENTITY)))))
    contact = pl.when(something | pl.lit(creates)).then(obj(*lead, *values, *statuses))
    return obj(
        member("contact", contact),
        member("add", _groups(job, Status.OPT_IN)),
        member("remove", _groups(job, Status.OPT_OUT)),
        member("kin", _kin(job)),
    )


def _values(attributes: Sequence[Attribute], options: Options) -> list[pl.Expr]:
    """The members of a contact, but for its statuses (IV-05, IV-06, IV-09, IV-10)."""
    own = [a for a in attributes if is_of_contact(a.name)]
    members = [member(a.name, _value(a)) for a in own]
    custom = [pl.concat_str(pl.lit(f'{{"fieldId":{a.id},"value":'), _value(a), pl.lit("}")) for a in attributes if a.id]
    urls = [_url(a, options.external_url_labels) for a in attributes if a.name.startswith(URL)]
    whole = [_all_urls(pl.col(a.part)) for a in attributes if a.name == ALL_URLS]
    members.append(member("customFields", array(custom)))
    members.append(member(ALL_URLS, whole[0] if whole else array(urls)))
    return members


def _value(attribute: Attribute) -> pl.Expr:
    value = pl.col(attribute.part)
    if attribute.name == COMPANIES:
        return pl.when(value == JSON_NULL).then(pl.lit("[]")).otherwise(value.str.replace_all('"', "", literal=True))
    if attribute.type == "date":
        value = value.str.replace(r'^"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d).*"$', '"${1} ${2} UTC"')
    return pl.when(value == JSON_NULL).then(pl.lit(EMPTY)).otherwise(value)


def _url(attribute: Attribute, labels: Mapping[str, str]) -> pl.Expr:
    """One entry; a URL of null removes it."""
    ref = attribute.name.removeprefix(URL)
    label = [member("label", pl.lit(json.dumps(labels[ref])))] if ref in labels else []
    value = pl.col(attribute.part)
    entry = obj(member("ref", pl.lit(json.dumps(ref))), member("url", value), *label)
    return pl.when(value.is_not_null()).then(entry)


def _all_urls(value: pl.Expr) -> pl.Expr:
    """The whole list, from items `REF=URL`; null removes all."""
    return value.str.replace_all(r'"([\w-]+)=([^"]+)"', '{"ref":"${1}","url":"${2}"}')


def _status(job: Job, operation: Operation, options: Options) -> pl.Expr:
    """IV-07. Said with every new contact, since silence subscribes it, and beside another address, which may.

    What is stored is repeated only where it restricts: a permission is never said unasked.
    """
    said = _number(job, Channel.EMAIL, wire.EMAIL_STATUS)
    if operation is Operation.CREATE:
        silent = wire.EMAIL_STATUS.get(options.new_contact_status or "")
        return pl.coalesce(said, pl.lit(str(silent) if silent else None, pl.String))
    address = [pl.col(a.part).is_not_null() for a in job.written_attributes if Channel.EMAIL in a.channels]
    restricts = [str(number) for word, number in wire.EMAIL_STATUS.items() if word != Status.OPT_IN]
    stored = _of_handle("status")
    moves = pl.any_horizontal(*address, pl.lit(value=False)) & stored.is_in(restricts)
    return pl.coalesce(said, pl.when(moves).then(stored))


def _sms_status(job: Job) -> pl.Expr:
    """IV-08"""
    return _number(job, Channel.SMS, wire.SMS_STATUS)


def _number(job: Job, channel: Channel, numbers: Mapping[str, int]) -> pl.Expr:
    spelled = {str(word): str(number) for word, number in numbers.items()}
    said = [
        pl.col(t.part).replace_strict(list(spelled), list(spelled.values()), default=None, return_dtype=pl.String)
        for t in job.targets
        if t.channel == channel
    ]
    return pl.coalesce(*said, pl.lit(None, pl.String))


def _groups(job: Job, status: Status) -> pl.Expr:
    return array([pl.when(pl.col(t.part) == status).then(pl.lit(t.group_id)) for t in job.targets if t.group_id])


def _kin(job: Job) -> pl.Expr:
    """An opt-out is for the address: the other contacts that have it are opted out too."""
    opts_out = [pl.col(t.part) == Status.OPT_OUT for t in job.targets if t.channel == Channel.EMAIL]
    ids = pl.col(Column.KIN).list.eval(pl.element().str.json_path_match("$.id")).list.join(",")
    some = pl.any_horizontal(*opts_out, pl.lit(value=False)) & (ids != "")
    return pl.when(some).then(pl.concat_str(pl.lit("["), ids, pl.lit("]")))


def _of_handle(name: str) -> pl.Expr:
    return pl.col(Column.HANDLE).str.json_path_match(f"$.{name}")
