"""Certificates: whom the client trusts, and its own where the service wants one."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from adjudicate.transports.address import Address

StrPath = str | os.PathLike[str]
Certificate = tuple[StrPath, StrPath]
"""The files of a certificate (with its chain) and of its private key, both PEM."""


@dataclass(frozen=True)
class Tls:
    """Certificates in PEM. Without `ca` the system's authorities count."""

    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    files: tuple[str | None, tuple[str, str] | None] = (None, None)

    def context(self) -> ssl.SSLContext:
        """For HTTP and WebSocket: the peer's certificate and host name are checked."""
        ca, pair = self.files
        context = ssl.create_default_context(cafile=ca)
        if pair is not None:
            context.load_cert_chain(*pair)
        return context


def read_tls(address: Address, ca: StrPath | None, certificate: Certificate | None) -> Tls | None:
    """None where the address has no TLS.

    Raises `ValueError` for certificates that are no use there, that cannot be read, or that are
    none; the message never shows a key.
    """
    if not address.tls:
        if ca is not None or certificate is not None:
            raise ValueError(
                f"certificates need TLS: write {address.secure_scheme}:// instead of "
                f"{address.scheme}://"
            )
        return None
    if certificate is not None and (isinstance(certificate, str) or len(certificate) != 2):
        raise ValueError("client_certificate must be two files: (certificate, key)")
    pair = None if certificate is None else (os.fspath(certificate[0]), os.fspath(certificate[1]))
    tls = Tls(
        None if ca is None else _pem(ca, "ca"),
        None if pair is None else _pem(pair[0], "client_certificate"),
        None if pair is None else _pem(pair[1], "the key of client_certificate"),
        (None if ca is None else os.fspath(ca), pair),
    )
    try:
        tls.context()
    except ssl.SSLError as error:
        named = " and ".join(str(file) for file in (ca, *(pair or ())) if file is not None)
        raise ValueError(f"{named}: no certificate or key that fits: {error.reason}") from None
    return tls


def _pem(file: StrPath, what: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ValueError(f"{what}: {os.fspath(file)}: {error.strerror or error}") from None
