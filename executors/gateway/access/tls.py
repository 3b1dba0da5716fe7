"""TLS on the three protocols, from PEM files that are checked before anything listens."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from adjudicate.errors import ConfigurationError
from executors.shared.settings import TlsSettings


@dataclass(frozen=True)
class Tls:
    """A certificate with its key, and whom clients' certificates must come from."""

    certificate: Path
    key: Path
    client_ca: Path | None

    def uvicorn(self) -> dict[str, Any]:
        """Keyword arguments of uvicorn's configuration. TLS 1.2 is Python's own least."""
        return {
            "ssl_certfile": str(self.certificate),
            "ssl_keyfile": str(self.key),
            **(
                {"ssl_ca_certs": str(self.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
                if self.client_ca
                else {}
            ),
        }

    def grpc_credentials(self) -> Any:
        """Of a gRPC server. TLS 1.2 is gRPC's own least."""
        return grpc.ssl_server_credentials(
            [(self.key.read_bytes(), self.certificate.read_bytes())],
            root_certificates=self.client_ca.read_bytes() if self.client_ca else None,
            require_client_auth=self.client_ca is not None,
        )


def open_tls(settings: TlsSettings) -> Tls | None:
    """None without a certificate. Raises `ConfigurationError` for what would not serve."""
    if settings.certificate is None or settings.key is None:
        for name, given in (("KEY", settings.key), ("CLIENT_CA", settings.client_ca)):
            if given is not None and settings.certificate is None:
                raise _wrong("CERTIFICATE", f"is needed beside ADJUDICATE_TLS__{name}")
        if settings.certificate is not None:
            raise _wrong("KEY", "is needed beside ADJUDICATE_TLS__CERTIFICATE")
        return None
    for name, path in (
        ("CERTIFICATE", settings.certificate),
        ("KEY", settings.key),
        ("CLIENT_CA", settings.client_ca),
    ):
        _refuse_unreadable(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=_no_password)
    except _Locked:
        raise _wrong("KEY", f"{settings.key} is encrypted; nobody is there to unlock it") from None
    except ssl.SSLError as error:
        if "MISMATCH" in str(error):
            raise _wrong("KEY", f"{settings.key} is not the key of the certificate") from None
        raise _wrong(
            "CERTIFICATE", "certificate and key must be PEM, the certificate's chain in its file"
        ) from None
    if settings.client_ca is not None:
        try:
            context.load_verify_locations(settings.client_ca)
        except ssl.SSLError:
            raise _wrong("CLIENT_CA", f"{settings.client_ca} holds no PEM certificate") from None
    return Tls(settings.certificate, settings.key, settings.client_ca)


class _Locked(Exception):
    """A key that asks for a password."""


def _no_password() -> str:
    raise _Locked  # OpenSSL would ask on the terminal, and wait


def _refuse_unreadable(name: str, path: Path | None) -> None:
    if path is None:
        return
    try:
        path.read_bytes()
    except OSError as error:
        raise _wrong(name, f"{path} cannot be read: {error.strerror}") from None


def _wrong(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"ADJUDICATE_TLS__{name}: {why}.")
