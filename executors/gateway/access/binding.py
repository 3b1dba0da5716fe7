"""Where the gateway listens: anywhere with access required, on this machine alone with it open."""

from __future__ import annotations

from adjudicate.errors import ConfigurationError
from executors.gateway.access.loopback import HOST, is_local
from executors.shared.settings import AccessSettings

EVERYWHERE = "0.0.0.0"


def bind_address(settings: AccessSettings) -> str:
    """The address of all three servers.

    Raises `ConfigurationError` for open access on an address that others reach.
    """
    if settings.mode == "required":
        return settings.host or EVERYWHERE
    if settings.host and not is_local(settings.host):
        raise ConfigurationError(
            f"ADJUDICATE_ACCESS__HOST: {settings.host} is reached by others, and access is open:"
            " leave this away, or set ADJUDICATE_ACCESS__MODE=required."
        )
    return settings.host or HOST
