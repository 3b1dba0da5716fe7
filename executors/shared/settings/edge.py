"""Sections of what stands between callers and the rooms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from executors.shared.settings.section import OptionalPath, Section, listed


class ImageLimits(Section):
    """What is refused before it is decoded."""

    max_bytes: int = Field(20_000_000, gt=0)
    max_pixels: int = Field(50_000_000, gt=0)
    max_text: int = Field(10_000, gt=0)
    """Characters of an ad's copy."""


class GatewaySettings(Section):
    grpc_port: int | None = Field(None, ge=1, le=65535)
    """Instead of the port in flow.yml; likewise the two below."""
    http_port: int | None = Field(None, ge=1, le=65535)
    websocket_port: int | None = Field(None, ge=1, le=65535)
    max_ads: int = Field(1_000, gt=0)
    """Ads in one request."""
    max_request_bytes: int = Field(256 * 1024 * 1024, gt=0)
    names_s: float = Field(2.0, ge=0)
    """How often the names of the rooms are looked up anew, where they are names: replicas that come
    and go behind one name are followed. 0: never; gRPC then stays with whom it found first."""
    batch_ads: int = Field(32, gt=0)
    """Ads that travel through the rooms in one message."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = ()
    """Of pages whose scripts may ask over HTTP and WebSocket: `https://desk.example`, with commas
    between; `*` for all."""


class AccessSettings(Section):
    """Who may ask. See docs/access.md."""

    mode: Literal["required", "open"] = "required"
    """`open`: whoever reaches the ports may do everything, and the ports are on loopback only."""
    host: str = ""
    """The address that the three servers bind to. Empty: every one, or loopback with `open`."""
    docs: bool = False
    """Whether `/docs` and `/openapi.json` are shown without a key."""
    poll_s: float = Field(1.0, gt=0, le=60)
    """How often the keys are looked at: a revoked one is refused this soon."""
    jwt_secret: SecretStr = SecretStr("")
    """Of tokens signed with HS256 and the like."""
    jwt_keys: str = ""
    """Of tokens signed with a private key: a PEM or JWKS file, or the https URL of a JWKS."""
    jwt_algorithms: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = ()
    """Empty: HS256 with a secret; all that the public keys are good for with those."""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_leeway_s: float = Field(30.0, ge=0, le=300)
    """By how much the clocks may differ."""
    jwt_refresh_s: float = Field(3600.0, ge=60)
    """Age at which the keys of a URL or file are read again."""


class ConsoleSettings(Section):
    """The reviewers' console at `/console` of the HTTP port. See docs/console.md."""

    enabled: bool = True
    session_h: float = Field(12.0, gt=0, le=720)
    """After which who signed in signs in again."""
    idle_h: float = Field(2.0, gt=0, le=720)
    """Likewise when nothing was asked for so long."""
    https: bool = False
    """A proxy in front speaks TLS: the session's cookie then goes over TLS alone, as it does where
    the gateway itself has a certificate."""


class TlsSettings(Section):
    """TLS on all three protocols, when a certificate is named. PEM files."""

    certificate: OptionalPath = None
    """With the chain up to, not including, the root."""
    key: OptionalPath = None
    client_ca: OptionalPath = None
    """Clients must then show a certificate that this authority signed."""


class LimitSettings(Section):
    """How much one caller, and all together, may ask of the gateway. See docs/limits.md."""

    requests_per_minute: int | None = Field(None, gt=0)
    """Of one caller. None: as many as it likes; likewise the next."""
    ads_per_minute: int | None = Field(None, gt=0)
    rates_url: str = ""
    """A Redis that counts for all gateways: `redis://host:port/0`. Empty: each counts its own."""
    rates_timeout_s: float = Field(0.25, gt=0)
    """How long a request waits for that Redis before this process counts."""
    ads_in_flight: int = Field(4_000, gt=0)
    """Of all callers, in this gateway."""
    ads_in_flight_per_caller: int = Field(2_000, gt=0)
    ads_waiting: int = Field(2_000, ge=0)
    """Ads that wait for a place in flight; beyond that a request is refused at once."""
    wait_s: float = Field(10.0, ge=0)
    """How long they wait."""
    body_bytes: int = Field(512 * 1024 * 1024, gt=0)
    """Of all requests that are being read or answered; at least one of the largest fits."""
    connections: int = Field(1_000, gt=0)
    """Open at a time, on HTTP and on WebSocket; on gRPC calls at a time."""
    header_s: float = Field(10.0, gt=0)
    """For a request's headers, or a connection's handshake, to arrive."""
    body_s: float = Field(20.0, gt=0)
    """For a body to arrive, beside `body_rate`."""
    body_rate: int = Field(20_000, gt=0)
    """Bytes per second that a body must bring: each so many give it another second."""
    message_s: float = Field(60.0, gt=0)
    """For the message of a gRPC call to arrive, of which nothing can be seen before its end."""
    idle_s: float = Field(30.0, gt=0)
    """How long a connection without a request stays open. gRPC's and WebSocket's are asked."""
    ping_s: float = Field(20.0, gt=0)
    """How often a WebSocket or gRPC connection is asked whether the other side lives."""


class FetchSettings(Section):
    """Pictures of ads that come as a URL. Off until hosts are listed. See docs/fetching.md."""

    hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = ()
    """`cdn.example.com`, or `*.example.com` for every name below it; with commas between."""
    ports: Annotated[tuple[int, ...], NoDecode, BeforeValidator(listed)] = (443,)
    max_bytes: int | None = Field(None, gt=0)
    """Of one picture. None: `images.max_bytes`, above which it would be refused anyway."""
    timeout_s: float = Field(10.0, gt=0)
    """For one picture, from the name to the last byte, with all redirects."""
    connect_timeout_s: float = Field(3.0, gt=0)
    """For the name, the connection, and TLS, of these."""
    max_redirects: int = Field(3, ge=0, le=20)
    concurrency: int = Field(16, gt=0)
    """Pictures on their way at a time; further ones wait."""
    max_held_bytes: int = Field(512 * 1024 * 1024, gt=0)
    """Fetched pictures in memory, of all requests; half of it for one message through the rooms."""
    wait_s: float = Field(30.0, gt=0)
    """How long a message waits for room among those."""
