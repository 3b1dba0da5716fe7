"""JSON Web Tokens (RFC 7519): who somebody is by the word of an issuer that is trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn

import jwt

from adjudicate.errors import Code, ConfigurationError, RequestError
from executors.gateway.access.public_keys import ALGORITHMS, PublicKeys
from executors.gateway.caller import Caller, Scope
from executors.shared.settings import AccessSettings

SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The least bytes of a secret: as many as the hash has (RFC 7518, 3.2)."""
LEAST_CHARACTERS = 10
MAX_SUBJECT = 200
MAX_KID = 200

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_WHY: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidIssuerError, "its issuer is another"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.MissingRequiredClaimError, "it lacks one of the claims exp, iss, aud, sub"),
)
"""What is said of a token whose signature is right. Of any other only that it is not valid."""


@dataclass(frozen=True)
class _Secret:
    value: bytes


class Tokens:
    """Checks tokens with one secret or with public keys, never with both.

    A key therefore never serves an algorithm of the other family, whatever a token's header says.
    """

    def __init__(self, settings: AccessSettings, keys: PublicKeys | None = None) -> None:
        """`keys`: those of the settings. Raises `ConfigurationError` for settings that would let
        in more than they should."""
        self._settings = settings
        secret = settings.jwt_secret.get_secret_value()
        if bool(secret) == bool(settings.jwt_keys):
            _refuse("JWT_SECRET", "set this or ADJUDICATE_ACCESS__JWT_KEYS, not both")
        for name in ("jwt_issuer", "jwt_audience"):
            if not getattr(settings, name):
                _refuse(name.upper(), "tokens are taken from one issuer for one audience: name it")
        known = frozenset(SECRET_BYTES) if secret else ALGORITHMS
        self._algorithms = frozenset(settings.jwt_algorithms) or (
            frozenset({"HS256"}) if secret else known
        )
        if wrong := sorted(self._algorithms - known):
            kind = "a secret" if secret else "public keys"
            _refuse(
                "JWT_ALGORITHMS", f"{wrong[0]} is none of {', '.join(sorted(known))}, for {kind}"
            )
        self._key: _Secret | PublicKeys
        if secret:
            self._key = _Secret(_strong(secret, max(SECRET_BYTES[a] for a in self._algorithms)))
        else:
            self._key = keys or PublicKeys(settings.jwt_keys, settings.jwt_refresh_s)

    async def start(self) -> None:
        """Read the keys of a URL. A source that is away now is asked again when a token comes."""
        if isinstance(self._key, PublicKeys):
            await self._key.read()

    async def authenticate(self, text: str) -> Caller:
        """Whose token this is.

        Raises `RequestError` `unauthenticated`; `ServiceError` when the keys cannot be read.
        """
        header = _header(text)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms or "crit" in header:
            raise _invalid()
        key = await self._key_for(header.get("kid"), algorithm)
        try:
            claims = jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                leeway=self._settings.jwt_leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _invalid(error) from None
        return self._caller(claims)

    async def _key_for(self, kid: Any, algorithm: str) -> Any:
        if isinstance(self._key, _Secret):
            return self._key.value
        if kid is not None and (not isinstance(kid, str) or len(kid) > MAX_KID):
            raise _invalid()
        found = await self._key.find(kid, algorithm)
        if found is None:
            raise _invalid()
        return found.key

    def _caller(self, claims: dict[str, Any]) -> Caller:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
            raise _invalid()
        if not subject.isprintable():  # it stands in logs
            raise _invalid()
        until = float(claims["exp"]) + self._settings.jwt_leeway_s
        return Caller(f"jwt:{subject}", subject, scopes_of(claims.get("scope")), until)


def scopes_of(claim: Any) -> frozenset[Scope]:
    """Of a `scope` claim: names with spaces between them (RFC 8693), or a list. Others' names are
    passed over."""
    names = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(Scope(name) for name in names if name in list(Scope))


def _header(text: str) -> dict[str, Any]:
    if not _FORM.fullmatch(text):
        raise _invalid()
    try:
        return jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _invalid() from None


def _invalid(error: Exception | None = None) -> RequestError:
    why = next((f": {said}" for kind, said in _WHY if isinstance(error, kind)), "")
    return RequestError(Code.UNAUTHENTICATED, f"The token is not valid{why}.")


def _strong(secret: str, least: int) -> bytes:
    value = secret.encode()
    if len(value) < least:
        _refuse(
            "JWT_SECRET", f"it has fewer than {least} bytes; take those of `openssl rand -hex 32`"
        )
    repeats = (secret + secret).find(secret, 1) < len(secret)
    if repeats or len(set(secret)) < LEAST_CHARACTERS:
        _refuse("JWT_SECRET", "it can be guessed; take the bytes of `openssl rand -hex 32`")
    if b"-----BEGIN" in value:
        _refuse("JWT_SECRET", "this is a key file's text; name the file in JWT_KEYS")
    return value


def _refuse(name: str, why: str) -> NoReturn:
    raise ConfigurationError(f"ADJUDICATE_ACCESS__{name}: {why}.")
