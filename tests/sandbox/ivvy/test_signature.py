"""Who is let in: the signature, the body's hash and the date of a request."""

from __future__ import annotations

import hashlib
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

import pytest
from starlette.requests import Request

from pipeline.sandbox.ivvy.signature import signature_of, string_to_sign

from .client import START, Client, reasons

if TYPE_CHECKING:
    import httpx

PING: Final = ("test", "ping")
WRITE: Final = ("contact", "addOrUpdateContact")
SAMPLE: Final = b'{"example":"body"}'
UPDATE: Final = b'{"id":7766,"status":2}'
JSON: Final = "application/json"
DOCUMENTED: Final = {"content-type": JSON, "ivvy-date": "2012-04-03 22:23:24", "date": "Thu, 12 Apr 2012 07:17:06 UTC"}


def received(call: tuple[str, str], body: bytes, headers: dict[str, str]) -> Request:
    """A request as the server sees it."""
    namespace, action = call
    md5 = hashlib.md5(body).hexdigest()  # noqa: S324 - the vendor's choice
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "raw_path": f"/api/1.0/{namespace}".encode(),
        "query_string": f"action={action}".encode(),
        "headers": [(name.encode(), value.encode()) for name, value in {**headers, "content-md5": md5}.items()],
    }
    return Request(scope)


@pytest.mark.rule("IV-12")
def test_documented_string_to_sign() -> None:
    """The parts stand without separators in lower case; IVVY-Date empties the slot of a Date that is sent too."""
    assert string_to_sign(received(PING, SAMPLE, DOCUMENTED)) == (
        "posta09f600c77a6dbd947db24c61e8935caapplication/json/api/1.0/test?action=ping1.0ivvydate=2012-04-03 22:23:24"
    )


@pytest.mark.rule("IV-12")
def test_documented_hmac() -> None:
    """The vendor's own example of the hash."""
    assert signature_of("my secret key", "string to sign") == "a993876ea1218921a1c8551923473da7b310dfae"


@pytest.mark.rule("IV-12")
@pytest.mark.parametrize(
    ("secret", "call", "body", "headers", "signature"),
    [
        ("my secret key", PING, SAMPLE, DOCUMENTED, "74af7ec6fec55dc88543e05096c69cebaf391eb9"),
        ("test-secret", PING, SAMPLE, DOCUMENTED, "0f1594d7b0923c439edceb01041aa910398d6284"),
        (
            *("test-secret", WRITE, UPDATE, {"content-type": JSON, "ivvy-date": "2026-01-15 04:05:06"}),
            "7d06a76461e25ddbc9ee2d6d38fca7c54a3be4c3",
        ),
        (
            *("test-secret", WRITE, UPDATE),
            {"content-type": f"{JSON}; charset=utf-8", "ivvy-date": "2026-01-15 04:05:06 UTC"},
            "45ea01d137729f17ae4a91e257b00ab5adea5af4",
        ),
        (
            *("test-secret", WRITE, UPDATE, {"content-type": JSON, "date": "Thu, 15 Jan 2026 04:05:06 UTC"}),
            "9ce02501b22ab5b524669cbe22da8b67f44b3834",
        ),
        (
            *("test-secret", PING, b"", {"content-type": JSON, "ivvy-date": "2026-01-15 04:05:06"}),
            "ca46b0852ffae2e6416a294829e971814986e4d6",
        ),
    ],
    ids=["V1", "V2", "V3", "V4", "V5", "V6"],
)
def test_signature(secret: str, call: tuple[str, str], body: bytes, headers: dict[str, str], signature: str) -> None:
    """The contract's vectors: the content type literally, either date header, an empty body."""
    assert signature_of(secret, string_to_sign(received(call, body, headers))) == signature


@pytest.mark.rule("IV-12")
def test_further_ivvy_headers_are_signed_by_name() -> None:
    """All headers of that prefix count, sorted by their names without hyphens and underscores."""
    headers = {"content-type": JSON, "ivvy-date": "2026-01-15 04:05:06", "ivvy-Account": "Reef"}
    lowered = {name.lower(): value for name, value in headers.items()}
    assert string_to_sign(received(PING, b"", lowered)).endswith("1.0ivvyaccount=reef&ivvydate=2026-01-15 04:05:06")


def ping(client: Client, /, body: bytes = b"", **headers: Any) -> httpx.Response:
    """A ping with other headers than usual, signed with them."""
    return client.send(*PING, body, **headers)


def envelope(response: httpx.Response) -> tuple[int, int, str]:
    """An error: HTTP status and errorCode are the same."""
    assert response.status_code == response.json()["errorCode"]
    return response.status_code, response.json()["specificCode"], response.json()["message"]


@pytest.mark.rule("IV-12")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": "application/json; charset=utf-8"},
        {"ivvy_date": "2026-02-03 01:10:44 UTC"},
        {"ivvy_date": None, "date": formatdate(START, usegmt=True)},
        {"ivvy_date": None, "date": "Tue, 03 Feb 2026 01:10:44 UTC"},
        {"date": "Thu, 12 Apr 2012 07:17:06 UTC"},
        {"x_api_version": "1.0"},
    ],
)
def test_signed_requests_are_let_in(client: Client, headers: dict[str, Any]) -> None:
    """Either date header in either spelling, any JSON content type, and no need for a version header."""
    response = ping(client, **headers)
    assert (response.status_code, response.json()) == (200, {"ack": "2026-02-03 01:10:44 UTC"})


@pytest.mark.rule("IV-12")
def test_content_type_is_signed_as_it_is_received(client: Client) -> None:
    """A charset that is added after signing breaks the signature."""
    headers = client.headers("/api/1.0/test?action=ping", b"")
    headers["content-type"] = "application/json; charset=utf-8"
    response = client.http.post(f"{client.sandbox.url}/api/1.0/test?action=ping", headers=headers)
    assert envelope(response) == (401, 23000, "Unauthorized")


@pytest.mark.rule("IV-12")
@pytest.mark.parametrize("signature", [f"IWS sandbox-key:{'0' * 40}", f"sandbox-key:{'0' * 40}", "IWS x", ""])
def test_wrong_signature(client: Client, signature: str) -> None:
    """401, whether it is wrong or no signature at all."""
    assert envelope(ping(client, x_api_authorization=signature)) == (401, 23000, "Unauthorized")


@pytest.mark.rule("IV-12")
def test_unknown_key(client: Client) -> None:
    """401 for a key that is not this account's."""
    client.settings(specific_codes={"unknown_key": 23001})
    assert envelope(ping(client, x_api_authorization=f"IWS other-key:{'0' * 40}")) == (401, 23001, "Unauthorized")


@pytest.mark.rule("IV-12")
def test_key_and_secret_are_settings(client: Client) -> None:
    """After a change, the old secret is not good any more, and the client's environment tells the new ones."""
    client.settings(api_secret="another")
    assert envelope(ping(client)) == (401, 23000, "Unauthorized")
    client.settings(api_key="new-key")
    assert client.sandbox.environment["IVVY_API_KEY"] == "new-key"
    assert client.sandbox.environment["IVVY_API_SECRET"] == "another"
    assert envelope(ping(client)) == (401, 23000, "Unauthorized")


def test_revoked_key(client: Client) -> None:
    """463, whatever the signature is."""
    client.settings(key_revoked=True)
    assert envelope(ping(client)) == (463, 23000, "Key Revoked")


@pytest.mark.rule("IV-12")
@pytest.mark.parametrize("header", ["content_md5", "x_api_authorization", "ivvy_date"])
def test_missing_header(client: Client, header: str) -> None:
    """Without hash, signature or date there is no entry; the answer names the header."""
    target = "/api/1.0/test?action=ping"
    headers = client.headers(target, b"")
    del headers[header.replace("_", "-")]
    response = client.http.post(client.sandbox.url + target, headers=headers)
    status, code, _ = envelope(response)
    assert (status, code) == ((400 if header == "content_md5" else 401), 23000)
    assert header.replace("_", "-") in response.json()["additionalMessages"][0].lower()


@pytest.mark.rule("IV-12")
def test_hash_is_checked_before_the_signature(client: Client) -> None:
    """400 for another body than the hashed one, even with a wrong signature beside; off, the signature decides."""
    wrong = {"content_md5": "d41d8cd98f00b204e9800998ecf8427e", "x_api_authorization": "IWS sandbox-key:0"}
    assert envelope(ping(client, b"{}", **wrong)) == (400, 23000, "Bad Request")
    assert reasons(ping(client, b"{}", **wrong).json())[2] == ["Content-MD5 does not fit the body"]
    client.settings(md5_check=False)
    assert envelope(ping(client, b"{}", **wrong)) == (401, 23000, "Unauthorized")


@pytest.mark.rule("IV-12")
def test_hash_is_hexadecimal(client: Client) -> None:
    """The form of RFC 1864, base64, is refused."""
    assert envelope(ping(client, content_md5="1B2M2Y8AsgTpgAmY7PhCfg=="))[0] == 400


def aged_ping(client: Client, seconds: int) -> list[httpx.Response]:
    """A ping that was signed so many seconds ago, sent twice."""
    target = "/api/1.0/test?action=ping"
    headers = client.headers(target, b"")
    client.clock.now += seconds
    return [client.http.post(client.sandbox.url + target, headers=headers) for _ in range(2)]


@pytest.mark.rule("IV-12")
@pytest.mark.parametrize("seconds", [-300, 300])
def test_date_within_five_minutes(client: Client, seconds: int) -> None:
    """The edges of the window belong to it, and a signed request may be repeated in it."""
    assert [answer.status_code for answer in aged_ping(client, seconds)] == [200, 200]


@pytest.mark.rule("IV-12")
@pytest.mark.parametrize("seconds", [-301, 301])
def test_date_outside_five_minutes(client: Client, seconds: int) -> None:
    """401 with the documented code; signed again it is let in."""
    assert [envelope(answer) for answer in aged_ping(client, seconds)] == [(401, 23005, "Request is stale")] * 2
    assert ping(client).status_code == 200


def test_window_is_a_setting(client: Client) -> None:
    """The vendor warns that it may change."""
    client.settings(clock_window_seconds=10)
    assert envelope(ping(client, ivvy_date="2026-02-03 01:10:33"))[1] == 23005
    assert ping(client, ivvy_date="2026-02-03 01:10:34").status_code == 200


@pytest.mark.rule("IV-12")
def test_server_clock_may_differ(client: Client) -> None:
    """With its clock ten minutes ahead, a client by the world's clock is stale; the ping tells how far."""
    client.settings(clock_offset_seconds=600)
    assert envelope(ping(client)) == (401, 23005, "Request is stale")
    response = ping(client, ivvy_date="2026-02-03 01:20:44")
    assert response.json() == {"ack": "2026-02-03 01:20:44 UTC"}


@pytest.mark.parametrize("headers", [{"ivvy_date": "yesterday"}, {"ivvy_date": None, "date": "2026-02-03"}])
def test_date_that_cannot_be_read(client: Client, headers: dict[str, Any]) -> None:
    """401 in the same envelope."""
    response = ping(client, **headers)
    assert envelope(response) == (401, 23000, "Unauthorized")
    assert response.json()["additionalMessages"] == ["The date cannot be read"]
