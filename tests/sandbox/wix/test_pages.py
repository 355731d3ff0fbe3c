"""Orders, pages and cursors of query."""

from __future__ import annotations

from typing import Any

import pytest

from .client import ALL, CONSENTS, PHONE, Client, address, consent


def walk(client: Client, **query: Any) -> list[list[str]]:
    """The addresses on each page, until `hasNext` is false."""
    pages = []
    answer = client.query(**query)
    while True:
        pages.append(
            [found["details"].get("email") or found["details"]["phone"] for found in answer["marketingConsent"]]
        )
        cursors = answer["pagingMetadata"]["cursors"]
        assert answer["pagingMetadata"]["count"] == len(pages[-1])
        assert answer["pagingMetadata"]["hasNext"] == (cursors["next"] is not None)
        if cursors["next"] is None:
            return pages
        answer = client.query(cursorPaging={"cursor": cursors["next"]})


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ([], ALL),
        ([{"fieldName": "id", "order": "DESC"}], ALL[::-1]),
        ([{"fieldName": "updatedDate"}], [ALL[0], ALL[2], PHONE, ALL[1]]),
        ([{"field_name": "updated_date", "order": "DESC"}], [ALL[1], ALL[0], ALL[2], PHONE]),
        ([{"fieldName": "updatedDate", "order": "DESC"}, {"fieldName": "id", "order": "DESC"}],
         [ALL[1], PHONE, ALL[2], ALL[0]]),
        ([{"fieldName": "createdDate", "order": "DESC"}], ALL),
    ],
)  # fmt: skip
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_in_every_order(client: Client, sort: Any, expected: list[str], limit: int) -> None:
    """Pages follow each other without gap or overlap; what is equal in the order asked for goes by id."""
    client.clock.now += 1
    client.upsert(consent("bob@example.com"))
    pages = walk(client, sort=sort, cursorPaging={"limit": limit})
    assert [text for page in pages for text in page] == expected
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize("filter_", [{}, {"details.email": {"$in": ALL}}, {"state": {"$ne": "PENDING"}}])
@pytest.mark.parametrize("sort", [None, [{"fieldName": "updatedDate", "order": "DESC"}]])
def test_pages_backwards(client: Client, filter_: Any, sort: Any) -> None:
    """`prev` leads over the same pages back to the first, which has none."""
    expected = [found for page in walk(client, filter=filter_, sort=sort) for found in page]
    answer = client.query(filter=filter_, sort=sort, cursorPaging={"limit": 1})
    assert answer["pagingMetadata"]["cursors"]["prev"] is None
    while (following := answer["pagingMetadata"]["cursors"]["next"]) is not None:
        answer = client.query(cursorPaging={"cursor": following})
    back = [answer["marketingConsent"][0]["details"]]
    while (preceding := answer["pagingMetadata"]["cursors"]["prev"]) is not None:
        answer = client.query(cursorPaging={"cursor": preceding})
        assert answer["pagingMetadata"]["hasNext"]
        back.append(answer["marketingConsent"][0]["details"])
    assert back == [address(text) for text in reversed(expected)]


@pytest.mark.rule("WX-12")
def test_page_size(client: Client) -> None:
    """50 unless asked, 100 at most; a cursor keeps the size unless another is asked for; all are switches."""
    client.bulk(*(consent(f"user{at:03}@example.com") for at in range(120)))
    assert client.query()["pagingMetadata"]["count"] == 50
    assert client.query(cursorPaging={"limit": 0})["pagingMetadata"]["count"] == 50
    answer = client.query(cursor_paging={"limit": 100})["pagingMetadata"]
    assert answer["count"] == 100
    assert client.query(cursorPaging={"limit": 7, "cursor": answer["cursors"]["next"]})["pagingMetadata"]["count"] == 7
    client.set(page_size_default=3, page_size_max=5)
    assert client.query()["pagingMetadata"]["count"] == 3
    assert client.refused_query(cursorPaging={"limit": 6}) == [("query.cursorPaging.limit", "MAX")]


@pytest.mark.rule("WX-12")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"cursorPaging": {"limit": 101}}, ("query.cursorPaging.limit", "MAX")),
        ({"cursorPaging": {"limit": -1}}, ("query.cursorPaging.limit", "MIN")),
        ({"cursorPaging": {"limit": "9"}}, ("query.cursorPaging.limit", "VALIDATION")),
        ({"cursorPaging": {"limit": True}}, ("query.cursorPaging.limit", "VALIDATION")),
        ({"cursorPaging": []}, ("query.cursorPaging", "VALIDATION")),
        ({"cursorPaging": {"cursor": 7}}, ("query.cursorPaging.cursor", "VALIDATION")),
        ({"cursorPaging": {"cursor": "nope"}}, ("query.cursorPaging.cursor", "VALIDATION")),
        ({"cursorPaging": {"cursor": "eyJsaW1pdCI6MX0="}}, ("query.cursorPaging.cursor", "VALIDATION")),
        ({"sort": {}}, ("query.sort", "VALIDATION")),
        ({"sort": [{"fieldName": "state"}]}, ("query.sort[0]", "VALIDATION")),
        ({"sort": [{"fieldName": "id", "order": "UP"}]}, ("query.sort[0]", "VALIDATION")),
        ({"sort": ["id"]}, ("query.sort[0]", "VALIDATION")),
    ],
)
def test_faulty_paging(client: Client, query: dict[str, Any], expected: tuple[str, str]) -> None:
    """Size, cursor and order are checked."""
    assert client.refused_query(**query) == [expected]


@pytest.mark.rule("WX-12")
def test_cursor_goes_alone(client: Client) -> None:
    """A filter or an order beside it is refused, or not looked at, as the switch says."""
    cursor = client.query(filter={"state": {"$ne": "PENDING"}}, cursorPaging={"limit": 1})["pagingMetadata"]["cursors"][
        "next"
    ]
    paging = {"cursor": cursor, "limit": 10}
    assert client.refused_query(filter={"id": "x"}, cursorPaging=paging) == [("query.filter", "FIELD_NOT_ALLOWED")]
    client.set(cursor_alone=False)
    assert client.found({"id": "x"}, cursorPaging=paging) == [ALL[1], PHONE]


@pytest.mark.rule("WX-12")
def test_cursor_expires_if_so_set(client: Client) -> None:
    """It never does otherwise; an expired one is as good as none."""
    cursor = client.query(cursorPaging={"limit": 1})["pagingMetadata"]["cursors"]["next"]
    client.clock.now += 86_400
    assert client.found(None, cursorPaging={"cursor": cursor}) == ALL[1:2]
    client.set(cursor_seconds=86_000)
    assert client.refused_query(cursorPaging={"cursor": cursor}) == [("query.cursorPaging.cursor", "VALIDATION")]


@pytest.mark.rule("WX-12")
def test_page_goes_on_where_it_was_while_consents_come_and_go(client: Client) -> None:
    """A consent written behind the cursor is not met, one before it is; a deleted one does not shift the rest."""
    cursor = client.query(cursorPaging={"limit": 2})["pagingMetadata"]["cursors"]["next"]
    client.load(consent("behind@example.com", id="id-a"), consent("before@example.com", id="id-c"))
    client.send("DELETE", f"{CONSENTS}/id-bob")
    assert client.found(None, cursorPaging={"cursor": cursor, "limit": 9}) == ["before@example.com", *ALL[2:]]
