from __future__ import annotations

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
