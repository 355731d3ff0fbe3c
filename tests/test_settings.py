"""Settings from the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder without `.env`, and an environment without the product's variables."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_missing_setting_is_named() -> None:
    """The message is the variable's name and where to set it."""
    settings = Settings.load()
    with pytest.raises(SettingsError, match="ACOUSTIC_CONNECT_URL is not set"):
        settings.url("acoustic_connect")
    with pytest.raises(SettingsError, match="IVVY_API_KEY is not set"):
        settings.credentials("ivvy")


def test_settings_come_from_a_file_and_the_environment_wins(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` is read from the working folder; blank variables count as not set."""
    (nowhere / ".env").write_text("ACOUSTIC_CONNECT_URL=http://a.example.com\nACOUSTIC_CONNECT_API_KEY=from-file\n")
    monkeypatch.setenv("ACOUSTIC_CONNECT_URL", "http://b.example.com")
    monkeypatch.setenv("ACOUSTIC_CONNECT_API_KEY", "")
    settings = Settings.load()
    assert settings.url("acoustic_connect") == "http://b.example.com/"
    assert settings.credentials("acoustic_connect") == {"api_key": "from-file"}


def test_a_pasted_key_loses_its_line_break(monkeypatch: pytest.MonkeyPatch) -> None:
    """White space around a key is not part of it."""
    monkeypatch.setenv("ACOUSTIC_CONNECT_API_KEY", "  key\r\n")
    assert Settings.load().credentials("acoustic_connect") == {"api_key": "key"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACOUSTIC_CONNECT_API_KEY", "cl\u00e9-secret"),
        ("WIX_API_KEY", "a\nsecret"),
        ("ACOUSTIC_CONNECT_URL", "secret"),
        ("CONSENT_SYNC_ATTEMPTS", "secret"),
    ],
)
def test_a_wrong_value_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The error says which variable, and never its value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as raised:
        Settings.load()
    assert "secret" not in str(raised.value)


def test_secrets_hide_in_representations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing settings shows no secret."""
    monkeypatch.setenv("ACOUSTIC_CONNECT_API_KEY", "very-secret")
    monkeypatch.setenv("CONSENT_SYNC_DATABASE_URL", "postgresql://u:very-secret@127.0.0.1/x")
    assert "very-secret" not in repr(Settings.load()) + str(Settings.load())
