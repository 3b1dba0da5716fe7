"""The console of the settings, with all its pages."""

from __future__ import annotations

from collections.abc import Callable

from executors.gateway.access.authenticator import Authenticator
from executors.gateway.access.sessions import open_sessions
from executors.gateway.console.console import Console
from executors.gateway.console.pages import add_pages
from executors.gateway.operations.api import Api
from executors.shared.policy import Policy
from executors.shared.settings import Settings


def open_console(
    settings: Settings,
    api: Api,
    authenticator: Authenticator | None,
    policy: Callable[[], Policy],
) -> Console | None:
    """None where it is switched off. `authenticator`: None where access is open.

    Raises `ConfigurationError` for a database that cannot be opened.
    """
    if not settings.console.enabled:
        return None
    return add_pages(Console(api, settings, policy, open_sessions(settings, authenticator)))
