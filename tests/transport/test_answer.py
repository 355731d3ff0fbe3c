"""An answer is parsed once, however many judge it."""

from __future__ import annotations

import json

import pytest

from pipeline.transport.answer import Answer


def test_who_asks_again_is_given_what_was_read() -> None:
    """The same object comes back, whatever its value."""
    sayings: list[object] = [{"data": {}}, None, []]
    for said in sayings:
        answer = Answer(200, body=json.dumps(said).encode())
        assert answer.json() == said
        assert answer.json() is answer.json()


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"data":', b"\xff\xfe\x00"])
def test_what_is_no_json_is_so_each_time(content: bytes) -> None:
    """Nothing is kept of what cannot be read."""
    answer = Answer(200, body=content)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"."):
            answer.json()
