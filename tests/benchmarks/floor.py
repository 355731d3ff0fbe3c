"""Contestant: the least that any program must do here: scan, map, JSON; then prebuilt bodies over raw sockets.

It checks nothing and keeps nothing: phones are stripped of punctuation, duplicates are sent twice, answers are counted.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import polars as pl

from .exports import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

MUTATION: Final = (
    "mutation UpdateContacts($dataSetId: ID!, $rows: [UpdateContactInput!]) "
    "{ updateContacts(dataSetId: $dataSetId, updateContactInputs: $rows) { modifiedCount } }"
)
DATA_SET_ID: Final = "4fe4136f-c007-44a3-b38f-922200000000"
BATCH_SIZE: Final = 100
CONCURRENCY: Final = 4


def bodies(export: Path) -> list[bytes]:
    """Every request of the export, ready to send."""
    records = pl.scan_csv(export, schema=dict.fromkeys(COLUMNS, pl.String), truncate_ragged_lines=True)
    rows = records.select(_wire().alias("wire")).collect(engine="streaming").with_row_index("row")
    batches = rows.group_by(pl.col("row") // BATCH_SIZE, maintain_order=True).agg(pl.col("wire").str.join(","))
    opening = f'{{"query":{json.dumps(MUTATION)},"variables":{{"dataSetId":"{DATA_SET_ID}","rows":['.encode()
    return [opening + batch.encode() + b"]}}" for batch in batches["wire"].to_list()]


def _wire() -> pl.Expr:
    values = {
        "Email": pl.col("email").str.strip_chars(),
        "Cell Phone": _phone(pl.col("mobile")),
        "First Name": pl.col("first_name").str.strip_chars(),
        "Last Name": pl.col("last_name").str.strip_chars(),
    }
    statuses = {
        "EMAIL": _status("email_opt_in", {"y": "OPT_IN", "n": "OPT_OUT"}),
        "SMS": _status("sms_opt_in", {"true": "OPT_IN", "false": "OPT_OUT"}),
    }
    attributes = [pl.lit(f'{{"name":"{name}","value":') + _json(value) + "}" for name, value in values.items()]
    channels = [pl.lit(f'{{"channel":"{channel}","status":"') + status + '"}' for channel, status in statuses.items()]
    return pl.concat_str(
        pl.lit('{"key":'),
        _json(pl.col("contact_id")),
        pl.lit(',"to":{"attributes":['),
        pl.concat_str(attributes, separator=",", ignore_nulls=True),
        pl.lit('],"consent":{"channels":['),
        pl.concat_str(channels, separator=",", ignore_nulls=True),
        pl.lit("]}}}"),
    )


def _json(text: pl.Expr) -> pl.Expr:
    encoded = pl.struct(text.alias("v")).struct.json_encode()
    return pl.when(text.is_not_null()).then(encoded.str.slice(len('{"v":')).str.head(-1))


def _phone(text: pl.Expr) -> pl.Expr:
    digits = text.str.replace_all("[^0-9]+", "")
    length = digits.str.len_bytes()
    has_country = (length == 11) & digits.str.starts_with("1")
    return pl.when(length == 10).then(pl.lit("+1") + digits).when(has_country).then(pl.lit("+") + digits)


def _status(column: str, words: dict[str, str]) -> pl.Expr:
    return pl.col(column).str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.String)


def send(host: str, port: int, requests: Sequence[bytes]) -> int:
    """Sends bodies one after the other on one connection; how many contacts were modified."""
    head = f"POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n".encode()
    modified = 0
    with socket.create_connection((host, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for body in requests:
            connection.sendall(b"%scontent-length: %d\r\n\r\n%s" % (head, len(body), body))
            modified += json.loads(_answer(connection))["data"]["updateContacts"]["modifiedCount"]
    return modified


def _answer(connection: socket.socket) -> bytes:
    received = b""
    while True:
        received += connection.recv(65_536)
        head, end, body = received.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return body


def main() -> None:
    """Makes all bodies and, with a URL, sends them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("url", nargs="?")
    given = parser.parse_args()
    made, modified = bodies(given.export), 0
    if given.url is not None:
        address = urlsplit(given.url)
        shares = [made[start::CONCURRENCY] for start in range(CONCURRENCY)]
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            modified = sum(pool.map(lambda share: send(str(address.hostname), address.port or 80, share), shares))
    sys.stdout.write(json.dumps({"rows": modified}) + "\n")


if __name__ == "__main__":
    main()
