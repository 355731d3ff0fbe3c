"""The adapter over a socket: describing, reading back, answers of all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest
from pydantic import ValidationError

from pipeline.destinations.acoustic_connect.options import Options
from pipeline.destinations.interface import Kind, Reply
from pipeline.errors import Refused, Unreachable
from pipeline.model import Operation, Reason
from pipeline.stages.reconcile import FOUND, compare
from tests.delivery.world import CHANNELS, DATA_SET, GROUPS, KEY, contact_of, contacts_of, key_of, row_of

from .bench import adapter, bench

if TYPE_CHECKING:
    from pipeline.destinations.interface import Send
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def answer(status: int, body: Any) -> httpx.Response:
    """An answer as the transport hands it on."""
    if isinstance(body, str):
        return httpx.Response(status, text=body)
    return httpx.Response(status, json=body)


def error(code: Any, message: str = "no") -> dict[str, Any]:
    """An answer with one error."""
    return {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}


def always(reply: Reply) -> Send:
    """A `send` that knows one reply."""

    def send(request: httpx.Request, *, repeatable: bool, after_seconds: float = 0.0, begins: Any = None) -> Reply:
        return reply

    return send


@pytest.mark.rule("AC-14")
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"data": {"updateContacts": {"modifiedCount": 1}}}, Kind.OK),
        (200, {"data": {"updateContacts": {"modifiedCount": 1}}, "errors": None}, Kind.OK),
        (200, error("CONTACT_NOT_FOUND_BY_KEY"), Kind.REFUSED),
        (400, error("CONTACT_NOT_FOUND_BY_KEY"), Kind.REFUSED),
        (500, error("INVALID_ATTRIBUTE_VALUE"), Kind.REFUSED),
        (200, error("NEVER_HEARD_OF"), Kind.REFUSED),
        (200, error(1234), Kind.REFUSED),
        (200, {"errors": [{"message": "no", "extensions": None}], "data": None}, Kind.REFUSED),
        (200, error("INTERNAL_SERVER_ERROR"), Kind.RETRY),
        (200, error("ATTRIBUTE_NOT_DEFINED"), Kind.HALT),
        (200, error("CHANNEL_NOT_DEFINED"), Kind.HALT),
        (200, error("CONSENT_GROUP_NOT_FOUND"), Kind.HALT),
        (200, error("UNAUTHENTICATED"), Kind.HALT),
        (400, error("GRAPHQL_VALIDATION_FAILED"), Kind.HALT),
        (401, {"message": "Unauthorized"}, Kind.HALT),
        (403, {"message": "Forbidden"}, Kind.HALT),
        (404, "<html>", Kind.HALT),
        (429, {"message": "Too Many Requests"}, Kind.THROTTLED),
        (429, "<html>", Kind.THROTTLED),
        (413, {"message": "Request Too Long"}, Kind.REFUSED),
        (504, {"message": "Endpoint request timed out"}, Kind.RETRY),
        (200, {"message": "Endpoint request timed out"}, Kind.RETRY),
        (503, "<html><h1>503</h1></html>", Kind.RETRY),
        (200, '{"data": {"updateContacts"', Kind.RETRY),
        (200, "", Kind.RETRY),
        (200, "[]", Kind.RETRY),
        (200, {"data": None}, Kind.RETRY),
    ],
)
def test_every_answer_has_one_judgement(world: World, status: int, body: Any, kind: Kind) -> None:
    """The body decides whatever the HTTP status; without `data` and `errors` the gateway spoke."""
    assert adapter(world).classify(answer(status, body)).kind is kind


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"updateContacts": None}},
        {"data": {}},
        {"data": {"updateContacts": {"modifiedCount": "many"}}},
        {"data": {"updateContacts": 3}},
    ],
)
def test_an_accepting_answer_of_another_shape_vouches_for_nothing(world: World, body: dict[str, Any]) -> None:
    """Rows whose confirmation cannot be read are handed back to be read."""
    world.seed(contacts_of(2))
    with bench(world) as b:
        world.faults([{"fault": "answer", "status": 200, "body": body, "operation": "updateContacts"}])
        delivery = b.deliver(b.items([1, 2]))
    assert [(e.record, e.outcome, e.reason) for e in delivery.exceptional] == [
        (1, None, Reason.NOT_APPLIED), (2, None, Reason.NOT_APPLIED),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data", [None, {}, {"dataSets": None}, {"dataSets": {"nodes": [{"dataSetId": None}]}}, {"dataSets": []}]
)
def test_an_audience_of_another_shape_is_a_bad_world(world: World, data: Any) -> None:
    """A description that cannot be read is an error with a next step, not a traceback."""
    reply = Reply(adapter(world).classify(answer(200, {"data": data or {}})), {"data": data})
    with pytest.raises(Unreachable, match="run the same command again"):
        adapter(world).describe(always(reply))


def test_a_refused_query_does_not_repeat_what_was_asked(world: World) -> None:
    """The vendor's message about a query may hold identities, so only its code is shown."""
    said = error("BAD_USER_INPUT", "Variable '$rules' got invalid value 'ann@example.com'")
    reply = Reply(adapter(world).classify(answer(200, said)), said)
    with pytest.raises(Refused) as raised:
        adapter(world).describe(always(reply))
    assert "BAD_USER_INPUT" in str(raised.value)
    assert "ann@" not in str(raised.value)


@pytest.mark.rule("AC-13")
def test_the_audience_is_described_with_key_channels_and_groups(world: World) -> None:
    """Key, channels, types and groups are those of the vendor's answer."""
    with bench(world) as b:
        audience = b.session.describe()
    assert audience.key is not None
    assert audience.key.name == "Contact key"
    assert audience.channels == {"EMAIL", "SMS"}
    assert audience.groups == {"g-news": "Newsletters", "g-promo": "Promotions"}
    assert {f.name: f.type for f in audience.fields.values()} == {
        "Contact key": "text", "Email": "text", "Cell Phone": "text", "First Name": "text", "Birthday": "date",
        "Points": "number", "Active": "boolean",
    }  # fmt: skip


@pytest.mark.rule("AC-16")
@pytest.mark.parametrize("page_max", [3, 1000])
def test_contacts_are_read_back_over_pages(world: World, page_max: int) -> None:
    """Every contact asked for is read once, however the vendor cuts its pages."""
    world.seed([contact_of(n, channels={"EMAIL": "OPT_IN" if n % 2 else "OPT_OUT"}) for n in range(1, 12)])
    world.sandbox.settings(page_size_max=page_max)
    with bench(world, read_page_size=5) as b:
        keys = [key_of(n) for n in range(1, 13)]
        frame = b.session.read(b.job, pl.DataFrame({"identity": keys}))
    assert frame.get_column("identity").to_list() == keys[:11]
    assert frame.get_column("consent:EMAIL").to_list() == ["OPT_IN" if n % 2 else "OPT_OUT" for n in range(1, 12)]
    assert frame.get_column("reach:SMS").to_list() == [False] * 11


@pytest.mark.rule("AC-16")
@pytest.mark.parametrize("date_form", ["iso_milliseconds", "date", "space_milliseconds"])
@pytest.mark.parametrize("plus", ["add", "keep"])
def test_what_was_sent_is_recognised_however_it_is_read_back(world: World, date_form: str, plus: str) -> None:
    """Dates, phone numbers, numbers and addresses compare by their meaning."""
    world.seed(contacts_of(1), date_out_format=date_form, phone_plus=plus)
    mapping = world.mapping()
    mapping.write_text(
        mapping.read_text().replace("  First Name: first_name\n", "  First Name: first_name\n  Birthday: "
        "{column: dob, type: date, format: '%d/%m/%Y'}\n  Active: {column: active, type: boolean}\n")
    )  # fmt: skip
    row = row_of(1, email="C0001@EXAMPLE.com", mobile="212 555 0123", points="10.50", sms_opt_in="N")
    export = world.path / "x.csv"
    row |= {"dob": "29/02/2024", "active": "true"}
    export.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    world.faults([{"fault": "wrong_number", "delta": -1}])
    result = world.sync(mapping, export)
    assert result.exit_code == 0, world.outcomes(result)
    assert result.summary.rows.updated == 1
    assert (result.summary.modified_count.expected, result.summary.modified_count.reported) == (1, 0)


@pytest.mark.rule("AC-16")
def test_one_wrong_part_is_seen_when_reading_back(world: World) -> None:
    """Confirmed means every part: another value, a missing value or no contact is not."""
    world.seed(contacts_of(4))
    with bench(world) as b:
        b.deliver(b.items([1, 2]))
        items = b.items([1, 2, 3, 5]).with_columns(b.items([1, 3, 3, 5]).get_column("attribute:Points"))
        seen = b.session.read(b.job, items)
        found = dict(compare(items, seen, b.job).select("identity", FOUND).iter_rows())
    assert found == {"C-0001": "confirmed", "C-0002": "different", "C-0003": "different", "C-0005": "missing"}


@pytest.mark.rule("AC-04")
@pytest.mark.rule("AC-16")
def test_a_groups_status_is_confirmed_by_its_channels(world: World) -> None:
    """A group has no status of its own on read: an update of one is confirmed by those of its channels."""
    world.seed(contacts_of(3), count_noop=False)
    mapping, export = world.mapping(consent=GROUPS), world.export([row_of(n) for n in (1, 2, 3)])
    world.faults([{"fault": "wrong_number", "delta": -3}])
    result = world.sync(mapping, export)
    assert result.summary.rows.updated == 3, world.outcomes(result)
    [(_, consent)] = world.stored()["C-0001"]
    assert consent["consentGroups"] == {"g-news": {"EMAIL": "OPT_IN"}}


@pytest.mark.rule("AC-17")
@pytest.mark.parametrize("mode", ["update", "create"])
def test_the_current_generation_is_served_by_a_setting(world: World, mode: str) -> None:
    """`api_generation: current` sends no audience and is answered with keys."""
    world.seed(contacts_of(3) if mode == "update" else (), api_generation="current")
    mapping = world.mapping(mode=mode)
    text = mapping.read_text().replace("options: {", "options: {api_generation: current, ")
    mapping.write_text(text)
    result = world.sync(mapping, world.export([row_of(n, email_opt_in="N") for n in (1, 2, 3)]))
    assert result.exit_code == 0, world.outcomes(result)
    assert [world.status(key_of(n)) for n in (1, 2, 3)] == ["OPT_OUT"] * 3


@pytest.mark.rule("AC-17")
def test_without_a_key_contacts_are_found_by_address(world: World) -> None:
    """An audience without a key attribute is updated by `addressable`."""
    attributes = [a for a in DATA_SET["attributes"] if a["name"] != "Contact key"]
    contacts: list[Any] = [contact_of(n) for n in (1, 2)]
    for contact in contacts:
        del contact["attributes"]["Contact key"]
    data_set = DATA_SET | {"attributes": attributes}
    world.sandbox.reset()
    world.sandbox.load({"acoustic_connect": {"data_set": data_set, "contacts": contacts}})
    world.sandbox.settings(api_generation="current")
    mapping = world.mapping(consent=CHANNELS)
    text = mapping.read_text().replace("options: {", "options: {api_generation: current, ")
    mapping.write_text(text.replace("{column: contact_id}", "{column: email, attribute: Email}"))
    mapping.write_text(mapping.read_text() + "ignore: [contact_id]\n")
    result = world.sync(mapping, world.export([row_of(n, email_opt_in="N") for n in (1, 2, 3)]))
    assert {row["reason"] for row in world.outcomes(result).values()} == {"", "contact_not_found"}
    assert result.summary.rows.updated == 2
    consents = [consent["channels"] for found in world.stored().values() for _, consent in found]
    assert consents == [{"EMAIL": "OPT_OUT"}] * 2


def test_the_key_is_in_a_header_and_nowhere_else(world: World) -> None:
    """The request carries the key as `x-api-key` only."""
    sent: list[httpx.Request] = []

    def take(request: httpx.Request, *, repeatable: bool, after_seconds: float = 0.0, begins: Any = None) -> Reply:
        sent.append(request)
        return Reply(adapter(world).classify(answer(200, {"data": {}})), {})

    with pytest.raises(Unreachable):
        adapter(world).describe(take)
    with bench(world) as b:
        b.session.destination.deliver(b.job, b.items([1], Operation.CREATE), take)
    assert [request.headers["x-api-key"] for request in sent] == [KEY, KEY]
    assert all(KEY.encode() not in request.content for request in sent)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Length", "9"),
        ("transfer-encoding", "chunked"),
        ("Host", "two.example.com"),
        ("X-Api-Key", "k"),
        ("x region", "eu"),
        ("x-region", "eu\r\nx-other: 1"),
        ("x-region", ""),
    ],
)
def test_a_mapping_adds_headers_of_its_own_only(name: str, value: str) -> None:
    """What would change where a request ends, whom it reaches or who sends it is refused before anything is sent."""
    Options.model_validate({"extra_headers": {"x-region": "eu 1"}})
    with pytest.raises(ValidationError, match=r"header|not a mapping's to say"):
        Options.model_validate({"extra_headers": {name: value}})
