"""Starting, stopping, files and the command line."""

from __future__ import annotations

import ast
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import pipeline.sandbox
from pipeline.sandbox.acoustic_connect.settings import Settings
from pipeline.sandbox.server import Options, Sandbox
from pipeline.sandbox.vendor import SandboxError

from .client import Client, attributes, seed, stored

FOLDER = Path(pipeline.sandbox.__file__).parent


def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_sandbox_imports_nothing_of_the_pipeline(path: Path) -> None:
    """It is written from the contracts alone."""
    own = {name for name in imports(path) if name.startswith((".", "pipeline"))}
    assert {name for name in own if not name.startswith("pipeline.sandbox")} == set()


def test_every_setting_says_what_it_assumes() -> None:
    """Each switch has a description, and the contract's emulator switches are there."""
    assert all(field.description for field in Settings.model_fields.values())
    described = " ".join(str(field.description) for field in Settings.model_fields.values())
    numbers = (1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 19, 21, 22, 26, 27, 28, 31, 33, 39)
    assert [number for number in numbers if f"A{number}" not in described] == []


def test_a_file_keeps_the_data(tmp_path: Path) -> None:
    """Data, audience and statuses are there again after a restart, and a rolled-back batch is not."""
    options = Options(database=tmp_path / "sandbox.sqlite")
    with Sandbox(options) as sandbox, httpx.Client() as http:
        sandbox.load(seed(stored("M-1", mail="ann@example.com")))
        client = Client(sandbox, http)
        client.update({"key": "M-1", "to": {"attributes": attributes(Nick="kept")}})
        client.update({"key": "M-1", "to": {"attributes": attributes(Nick="lost")}}, {"key": "M-9", "to": {}})
        before = sandbox.dump()
    with Sandbox(options) as sandbox, httpx.Client() as http:
        assert sandbox.dump() == before
        client = Client(sandbox, http)
        assert client.contact("M-1")["attributes"]["Nick"] == "kept"
        assert client.update({"key": "M-1", "to": {}})["data"]


def test_port_in_use_is_an_error() -> None:
    """The message names the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"cannot listen on port {port}"):
            Sandbox(Options(port=port))


@pytest.mark.parametrize("settings", [{"acoustic_connect": {"nope": 1}}, {"acoustic_connect": 1}, {"nobody": {}}])
def test_faulty_settings_are_an_error(settings: Any) -> None:
    """A sandbox does not start with switches that it does not know."""
    with pytest.raises(SandboxError):
        Sandbox(Options(settings=settings))


def test_command_line_serves_with_its_files(tmp_path: Path) -> None:
    """It announces the URL and the variables to export, and ends in order when told to."""
    data, faults, settings = tmp_path / "data.json", tmp_path / "faults.yaml", tmp_path / "settings.yaml"
    data.write_text(json.dumps(seed(stored("M-1", mail="ann@example.com"))), "utf-8")
    faults.write_text("- fault: throttle\n  nth: [2]\n  retry_after: 1\n", "utf-8")
    settings.write_text("acoustic_connect:\n  api_key: other-key\n", "utf-8")
    files = [
        "--data",
        str(data),
        "--faults",
        str(faults),
        "--settings",
        str(settings),
        "--database",
        str(tmp_path / "db"),
    ]
    command = [sys.executable, "-W", "error", "-m", "pipeline.sandbox", "--port", "0", *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        listening, *exports = [process.stdout.readline().strip() for _ in range(3)]
        url = exports[0].removeprefix("export ACOUSTIC_CONNECT_URL=")
        assert listening == f"Sandbox listening on {url} (control: {url}/_control/)"
        assert exports[1] == "export ACOUSTIC_CONNECT_API_KEY=other-key"
        headers = {"x-api-key": "other-key"}
        query = {"query": "{ contacts { totalCount } }"}
        answers = [httpx.post(url, json=query, headers=headers) for _ in range(2)]
        assert answers[0].json() == {"data": {"contacts": {"totalCount": 1}}}
        assert answers[1].status_code == 429
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert errors == ""


@pytest.mark.parametrize(
    ("option", "content"),
    [("--data", "[]"), ("--data", "{"), ("--faults", '[{"fault": "nope"}]'), ("--settings", '{"nobody": {}}')],
)
def test_command_line_names_what_is_wrong(tmp_path: Path, option: str, content: str) -> None:
    """Exit code 2 and one line on standard error."""
    file = tmp_path / "file.json"
    file.write_text(content, "utf-8")
    command = [sys.executable, "-m", "pipeline.sandbox", "--port", "0", option, str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
