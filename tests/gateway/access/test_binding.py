"""Where the ports are, and what of the settings is refused before they are opened."""

from __future__ import annotations

import pytest

from adjudicate.errors import ConfigurationError
from executors.gateway.access.authenticator import open_authenticator
from executors.gateway.access.binding import bind_address
from executors.gateway.access.loopback import is_local
from executors.shared.settings import AccessSettings, Settings


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *((host, True) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "a.localhost")),
        *((host, False) for host in ("", None, "0.0.0.0", "::", "10.0.0.1", "local", "localhost.")),
    ],
)
def test_this_machine_has_these_names(host: str | None, local: bool) -> None:
    assert is_local(host) is local


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "0.0.0.0"),
        ({"host": "10.0.0.7"}, "10.0.0.7"),
        ({"mode": "open"}, "127.0.0.1"),
        ({"mode": "open", "host": "::1"}, "::1"),
    ],
)
def test_the_ports_are_on_loopback_while_access_is_open(
    settings: dict[str, str], address: str
) -> None:
    assert bind_address(AccessSettings(**settings)) == address


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "ads.example"])
def test_open_access_for_others_is_refused_at_the_start(host: str) -> None:
    with pytest.raises(ConfigurationError, match="ADJUDICATE_ACCESS__HOST"):
        bind_address(AccessSettings(mode="open", host=host))


def test_access_is_required_unless_it_is_said_otherwise(sqlite_url: str) -> None:
    assert open_authenticator(Settings(database=sqlite_url)) is not None
    open_settings = Settings(database=sqlite_url, access=AccessSettings(mode="open"))
    assert open_authenticator(open_settings) is None


def test_an_issuer_without_a_key_is_refused_at_the_start(sqlite_url: str) -> None:
    access = AccessSettings(jwt_issuer="https://login.example", jwt_audience="adjudicate")
    with pytest.raises(ConfigurationError, match="JWT_KEYS"):
        open_authenticator(Settings(database=sqlite_url, access=access))
