"""Signing, by the vendor's documented vectors and those computed from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from pipeline.destinations.ivvy.signature import Signature, md5, signature_of, string_to_sign

PING = "/api/1.0/test?action=ping"
WRITE = "/api/1.0/contact?action=addOrUpdateContact"
JSON = "application/json"
DOCUMENTED = (PING, b'{"example":"body"}', JSON, {"ivvy-date": "2012-04-03 22:23:24", "date": "today"})
BODY = b'{"id":7766,"status":2}'
NOW = datetime(2026, 1, 15, 4, 5, 6, tzinfo=UTC)


def request(path: str, body: bytes, content_type: str, dates: dict[str, str]) -> httpx.Request:
    """A request with the headers that are signed."""
    return httpx.Request(
        "POST", f"https://api.example.com{path}", content=body, headers={"content-type": content_type} | dates
    )


VECTORS = {
    "V1": ("my secret key", DOCUMENTED, "74af7ec6fec55dc88543e05096c69cebaf391eb9"),
    "V2": ("test-secret", DOCUMENTED, "0f1594d7b0923c439edceb01041aa910398d6284"),
    "V3": (
        "test-secret",
        (WRITE, BODY, JSON, {"ivvy-date": "2026-01-15 04:05:06"}),
        "7d06a76461e25ddbc9ee2d6d38fca7c54a3be4c3",
    ),
    "V4": (
        "test-secret",
        (WRITE, BODY, f"{JSON}; charset=utf-8", {"ivvy-date": "2026-01-15 04:05:06 UTC"}),
        "45ea01d137729f17ae4a91e257b00ab5adea5af4",
    ),
    "V5": (
        "test-secret",
        (WRITE, BODY, JSON, {"date": "Thu, 15 Jan 2026 04:05:06 UTC"}),
        "9ce02501b22ab5b524669cbe22da8b67f44b3834",
    ),
    "V6": (
        "test-secret",
        (PING, b"", JSON, {"ivvy-date": "2026-01-15 04:05:06"}),
        "ca46b0852ffae2e6416a294829e971814986e4d6",
    ),
}


@pytest.mark.rule("IV-12")
@pytest.mark.parametrize(("secret", "parts", "signature"), VECTORS.values(), ids=VECTORS)
def test_signatures_are_those_of_the_vectors(
    secret: str, parts: tuple[str, bytes, str, dict[str, str]], signature: str
) -> None:
    """Each part that is signed changes the signature as the vendor computes it."""
    assert signature_of(request(*parts), secret) == signature


@pytest.mark.rule("IV-12")
def test_the_string_to_sign_is_the_documented_one() -> None:
    """Lower case, without separators, and with an empty date beside ivvy-date."""
    assert string_to_sign(request(*DOCUMENTED)) == (
        "posta09f600c77a6dbd947db24c61e8935caapplication/json/api/1.0/test?action=ping1.0ivvydate=2012-04-03 22:23:24"
    )
    assert md5(b"") == "d41d8cd98f00b204e9800998ecf8427e"


class Server:
    """Answers requests and keeps their headers; by its clock it is `ahead` of the client's."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.now = NOW + ahead
        self.seen: list[httpx.Headers] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request.headers.copy())
        sent = datetime.strptime(request.headers["ivvy-date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        if abs(self.now - sent) <= timedelta(minutes=5):
            return httpx.Response(200, json={"id": 1})
        stale = {"errorCode": 401, "message": "Request is stale", "specificCode": 23005}
        return httpx.Response(401, json=stale, headers={"date": format_datetime(self.now)})


@pytest.mark.rule("IV-12")
def test_each_attempt_is_signed_by_its_own_time() -> None:
    """A request that is sent again an hour later carries the later time and another signature."""
    times = iter([NOW, NOW + timedelta(hours=1)])
    server = Server()
    auth = Signature("key", "secret", lambda: next(times))
    made = request(WRITE, BODY, JSON, {})
    with httpx.Client(transport=httpx.MockTransport(server)) as client:
        client.send(made, auth=auth)
        server.now += timedelta(hours=1)
        assert client.send(made, auth=auth).status_code == 200
    first, second = server.seen
    assert first["ivvy-date"] == "2026-01-15 04:05:06"
    assert second["ivvy-date"] == "2026-01-15 05:05:06"
    assert first["x-api-authorization"].startswith("IWS key:")
    assert first["x-api-authorization"] != second["x-api-authorization"]
    assert first["content-md5"] == second["content-md5"] == "c7ae2678609847285c23b26934beafc2"


@pytest.mark.rule("IV-12")
def test_a_clock_that_is_off_is_corrected_by_the_servers() -> None:
    """A stale request is signed once more by the server's time, and every later one at once."""
    server = Server(ahead=timedelta(hours=2))
    auth = Signature("key", "secret", lambda: NOW)
    with httpx.Client(transport=httpx.MockTransport(server)) as client:
        assert client.send(request(WRITE, BODY, JSON, {}), auth=auth).status_code == 200
        assert client.send(request(WRITE, BODY, JSON, {}), auth=auth).status_code == 200
    assert [headers["ivvy-date"][11:13] for headers in server.seen] == ["04", "06", "06"]


@pytest.mark.rule("IV-12")
def test_a_stale_request_is_not_sent_for_ever() -> None:
    """Where the server's own time does not help, its answer is taken."""
    server = Server(ahead=timedelta(hours=2))
    with httpx.Client(transport=httpx.MockTransport(server)) as client:
        server.now = NOW + timedelta(hours=2)
        auth = Signature("key", "secret", iter([NOW, NOW, NOW - timedelta(hours=9)]).__next__)
        assert client.send(request(WRITE, BODY, JSON, {}), auth=auth).status_code == 401
    assert len(server.seen) == 2


def test_the_secret_is_in_no_header() -> None:
    """The key is named in the clear, the secret never."""
    server = Server()
    with httpx.Client(transport=httpx.MockTransport(server)) as client:
        client.send(request(WRITE, BODY, JSON, {}), auth=Signature("key", "hush-hush", lambda: NOW))
    assert all("hush-hush" not in value for value in server.seen[0].values())
