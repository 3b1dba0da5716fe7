from __future__ import annotations

from pathlib import Path

import pytest

from adjudicate.errors import ConfigurationError
from executors.shared.settings import load_settings


def test_a_section_is_set_by_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJUDICATE_ENCODER__PRECISION", "bf16")
    monkeypatch.setenv("ADJUDICATE_LIBRARY__AUDIT_SHARE", "0.5")
    settings = load_settings()
    assert settings.encoder.precision == "bf16"
    assert settings.library.audit_share == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADJUDICATE_ENCODER__PRECISION", "bf15"),
        ("ADJUDICATE_LIBRARY__AUDIT_SHARE", "1.5"),
        ("ADJUDICATE_ENCODER__PRECISON", "bf16"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refusal:
        load_settings()
    assert name in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of `ADJUDICATE_SECRETS`, as Docker and Kubernetes mount one."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("ADJUDICATE_SECRETS", str(folder))
    return folder


def test_secrets_are_read_from_the_files_of_a_folder(secrets: Path) -> None:
    (secrets / "adjudicate_database").write_text("postgresql+psycopg://a:b@db/adjudicate\n")
    (secrets / "ADJUDICATE_LIBRARY__QDRANT_API_KEY").write_text("of-qdrant")
    (secrets / "tls_key").write_text("of somebody else")
    settings = load_settings()
    assert settings.database == "postgresql+psycopg://a:b@db/adjudicate"
    assert settings.library.qdrant_api_key.get_secret_value() == "of-qdrant"
    assert settings.library.qdrant_url == "http://localhost:6333"


def test_a_secret_volume_of_kubernetes_is_read_through_its_links(secrets: Path) -> None:
    (secrets / "..2026_11_21").mkdir()
    (secrets / "..2026_11_21" / "ADJUDICATE_DATABASE").write_text("sqlite:////data/a.db")
    (secrets / "..data").symlink_to("..2026_11_21")
    (secrets / "ADJUDICATE_DATABASE").symlink_to("..data/ADJUDICATE_DATABASE")
    assert load_settings().database == "sqlite:////data/a.db"


def test_the_environment_goes_before_a_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "adjudicate_database").write_text("sqlite:////file.db")
    monkeypatch.setenv("ADJUDICATE_DATABASE", "sqlite:////environment.db")
    assert load_settings().database == "sqlite:////environment.db"


def test_a_misspelt_file_is_said_and_its_secret_is_not(secrets: Path) -> None:
    (secrets / "adjudicate_library__qdrant_apikey").write_text("a-long-secret")
    with pytest.raises(ConfigurationError, match="ADJUDICATE_LIBRARY__QDRANT_APIKEY") as refusal:
        load_settings()
    assert "a-long-secret" not in str(refusal.value)


def test_a_folder_of_secrets_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJUDICATE_SECRETS", "/nowhere/secrets")
    with pytest.raises(ConfigurationError, match=r"ADJUDICATE_SECRETS.*/nowhere/secrets"):
        load_settings()


def test_a_section_that_is_no_json_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJUDICATE_JUDGE", "{")
    with pytest.raises(ConfigurationError, match="judge"):
        load_settings()
