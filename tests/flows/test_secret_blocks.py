"""Credentials from Prefect's Secret blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.blocks.system import Secret
from pydantic import SecretStr

from flows import secret_blocks
from flows.secret_blocks import block_of

if TYPE_CHECKING:
    import pytest


def test_what_the_environment_lacks_comes_from_a_block(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name; the environment comes first, and what neither has stays unset."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    monkeypatch.setenv("WIX_API_KEY", "of-the-environment")
    monkeypatch.delenv("IVVY_API_KEY", raising=False)
    for name in ("IVVY_API_KEY", "WIX_API_KEY"):
        Secret(value=SecretStr(f"of-the-block-{name}")).save(block_of(name), overwrite=True)
    found = secret_blocks.settings()
    assert found.ivvy_api_key is not None
    assert found.ivvy_api_key.get_secret_value() == "of-the-block-IVVY_API_KEY"
    assert found.wix_api_key is not None
    assert found.wix_api_key.get_secret_value() == "of-the-environment"
    assert found.ivvy_api_secret is None
    assert "of-the-block" not in repr(found)


def test_blocks_have_the_names_of_the_settings() -> None:
    """In Prefect's letters, under one prefix."""
    assert block_of("ACOUSTIC_CONNECT_API_KEY") == "consent-sync-acoustic-connect-api-key"
    assert block_of("consent_sync_database_url") == "consent-sync-database-url"
