"""Tokens: which are believed, and the many that are not."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import pytest

from adjudicate.errors import AdjudicateError, Code, ConfigurationError
from executors.gateway.access.tokens import Tokens, scopes_of
from executors.gateway.caller import Caller, Scope
from executors.shared.settings import AccessSettings
from tests.gateway.access import issuer
from tests.gateway.access.issuer import (
    AUDIENCE,
    ISSUER,
    SECRET,
    claims,
    ec_key,
    ed_key,
    forged,
    jwk,
    jwks,
    rsa_key,
    signed,
    token,
)

TRUST = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}


def with_keys(folder: Path, document: bytes, **more: Any) -> Tokens:
    """Tokens checked with that file of keys."""
    path = folder / "keys"
    path.write_bytes(document)
    return Tokens(AccessSettings(jwt_keys=str(path), **TRUST, **more))


def with_secret(secret: str = SECRET, **more: Any) -> Tokens:
    return Tokens(AccessSettings(jwt_secret=secret, **TRUST, **more))


async def refused(tokens: Tokens, text: str) -> str:
    """What is said of a token that is not believed; empty for one that is."""
    try:
        await tokens.authenticate(text)
    except AdjudicateError as error:
        return error.detail if error.code is Code.UNAUTHENTICATED else str(error)
    return ""


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """Those of an issuer with two RSA keys, one P-256 key, and one Ed25519 key."""
    keys = [
        jwk(rsa_key(), "k1"),
        jwk(rsa_key("two"), "k2"),
        jwk(ec_key(), "e1"),
        jwk(ed_key(), "d1"),
    ]
    return with_keys(tmp_path, jwks(*keys))


async def test_a_token_says_who_asks_what_they_may_and_until_when(tokens: Tokens) -> None:
    until = int(time.time()) + 60
    caller = await tokens.authenticate(token(exp=until, scope="openid review library"))
    scopes = frozenset({Scope.REVIEW, Scope.LIBRARY})
    assert caller == Caller("jwt:team-7", "team-7", scopes, until + 30.0)


@pytest.mark.parametrize(
    ("key", "kid", "algorithm"),
    [
        *((rsa_key(), "k1", name) for name in ("RS256", "RS384", "RS512", "PS256")),
        (rsa_key("two"), "k2", "RS256"),
        (ec_key(), "e1", "ES256"),
        (ec_key(), None, "ES256"),
        (ed_key(), "d1", "EdDSA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_kind_of_public_key_serves(
    tokens: Tokens, key: Any, kid: str | None, algorithm: str
) -> None:
    assert await refused(tokens, token(key, algorithm, kid=kid)) == ""


async def test_a_pem_file_serves_whatever_key_a_token_names(tmp_path: Path) -> None:
    tokens = with_keys(tmp_path, issuer.pem(rsa_key()))
    assert await refused(tokens, token(kid="any")) == ""
    assert await refused(tokens, token(kid=None)) == ""
    assert await refused(tokens, token(rsa_key("two")))
    assert await refused(tokens, issuer.signed_with_the_public_key())


async def test_a_secret_serves_its_own_family_alone(tmp_path: Path) -> None:
    tokens = with_secret()
    assert await refused(tokens, token(SECRET, "HS256")) == ""
    assert await refused(tokens, token(SECRET, "HS384"))
    assert await refused(tokens, token(rsa_key()))
    assert await refused(tokens, token(SECRET + "x", "HS256"))


def tampered(text: str, part: int) -> str:
    parts = text.split(".")
    parts[part] = parts[part][:-2] + ("AA" if parts[part][-2:] != "AA" else "BB")
    return ".".join(parts)


def deep(count: int) -> bytes:
    return b"[" * count + b"]" * count


def attack_tokens() -> dict[str, str]:
    """Tokens that an attacker, or somebody else's user, could come with."""
    good, long_ago = token(), int(time.time()) - 3600
    head = {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    unsigned, _, signature = good.rpartition(".")
    stranger = rsa_key("stranger")
    raw = base64.urlsafe_b64decode(signature + "==")
    nested = base64.urlsafe_b64encode(deep(3000)).rstrip(b"=").decode()
    return {
        "alg none": forged({**head, "alg": "none"}, claims()),
        "alg none with a signature": forged({**head, "alg": "none"}, claims(), raw),
        "alg None": forged({**head, "alg": "None"}, claims(), raw),
        "alg nONE": forged({**head, "alg": "nONE"}, claims(), raw),
        "no alg": forged({"kid": "k1"}, claims(), raw),
        "alg is a list": forged({**head, "alg": ["RS256", "none"]}, claims(), raw),
        "alg is null": forged({**head, "alg": None}, claims(), raw),
        "key confusion": issuer.signed_with_the_public_key(),
        "signature cut": unsigned + ".",
        "no signature part": unsigned,
        "empty signature": unsigned + "." + "A" * 8,
        "another token's signature": f"{unsigned}.{token(sub='x').rpartition('.')[2]}",
        "changed claims": tampered(good, 1),
        "changed signature": f"{unsigned}.{'A' * len(signature)}",
        "stranger's key": token(stranger),
        "stranger's key in the header": signed(
            claims(), {"kid": "k1", "jwk": jwk(stranger, "k1")}, stranger
        ),
        "stranger's key behind a URL": signed(
            claims(), {"kid": "k9", "jku": "https://evil.example/jwks"}, stranger
        ),
        "unknown kid": token(kid="k9"),
        "no kid where two keys fit": token(kid=None),
        "kid of the other key": token(kid="k2"),
        "kid of another kind of key": token(kid="e1"),
        "kid is a path": token(kid="../../../../dev/null"),
        "kid is SQL": token(kid="' OR 1=1 --"),
        "kid is a number": forged({**head, "kid": 1}, claims(), raw),
        "kid is an object": forged({**head, "kid": {"k": 1}}, claims(), raw),
        "kid without end": token(kid="k" * 1000),
        "crit": signed(claims(), {"kid": "k1", "crit": ["exp"]}),
        "crit that a library knows": signed(claims(), {"kid": "k1", "b64": True, "crit": ["b64"]}),
        "b64 false": forged({**head, "b64": False, "crit": ["b64"]}, claims(), raw),
        "expired": token(exp=long_ago),
        "expired at the beginning of time": token(exp=0),
        "no expiry": token(exp=None),
        "expiry is text": token(exp="tomorrow"),
        "expiry is a list": token(exp=[9e9]),
        "expiry without end": token(exp=float("inf")),
        "not yet": token(nbf=int(time.time()) + 3600),
        "issued tomorrow": token(iat=int(time.time()) + 86_400),
        "no issuer": token(iss=None),
        "wrong issuer": token(iss="https://login.example.evil"),
        "issuer with a slash": token(iss=f"{ISSUER}/"),
        "issuers": token(iss=[ISSUER]),
        "no audience": token(aud=None),
        "wrong audience": token(aud="another-service"),
        "audience is part of ours": token(aud=AUDIENCE[:-1]),
        "no subject": token(sub=None),
        "empty subject": token(sub=""),
        "subject is a number": token(sub=1),
        "subject with a line feed": token(sub="a\nroot"),
        "subject without end": token(sub="s" * 1000),
        "claims are a list": forged(head, [1], raw),  # type: ignore[arg-type]
        "header is a list": forged([1], claims(), raw),  # type: ignore[arg-type]
        "header is a tower": f"{nested}.{nested}.AAAA",
        "header is not JSON": f"AAAA.{good.partition('.')[2]}",
        "not base64": "a.b.c",
        "four parts": f"{good}.AAAA",
        "five parts, encrypted": f"{good}.AAAA.AAAA",
        "padding": unsigned + "=." + signature,
        "line feed at the end": good + "\n",
        "spaces": f" {good}",
        "not ASCII": good[:-1] + "ä",
        "null byte": good + "\0",
        "nothing": "",
        "dots": "..",
    }


@pytest.mark.parametrize("attack", attack_tokens())
async def test_an_attack_gets_nowhere(tokens: Tokens, attack: str) -> None:
    text = attack_tokens()[attack]
    said = await refused(tokens, text)
    assert said.startswith("The token is not valid")
    assert text[:30] not in said or not text


async def test_what_is_wrong_is_said_of_tokens_that_the_issuer_signed(tokens: Tokens) -> None:
    assert "expired" in await refused(tokens, token(exp=1))
    assert "issuer" in await refused(tokens, token(iss="x"))
    assert "audience" in await refused(tokens, token(aud="x"))
    assert "claims" in await refused(tokens, token(exp=None))
    assert "expired" not in await refused(tokens, token(rsa_key("stranger"), exp=1))


async def test_clocks_may_differ_by_the_leeway(tmp_path: Path) -> None:
    now = int(time.time())
    loose = with_keys(tmp_path, jwks(jwk(rsa_key(), "k1")), jwt_leeway_s=300)
    assert await refused(loose, token(exp=now - 60, nbf=now + 60)) == ""
    assert await refused(loose, token(exp=now - 400))


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        ("review", {"review"}),
        (" review  library review-console ", {"review", "library", "review-console"}),
        ("openid profile", set()),
        ("Review REVIEW reviewer admin2", set()),
        (["review", "admin"], {"review", "admin"}),
        (["review", 1, {"a": 1}, None], {"review"}),
        *((odd, set()) for odd in (None, "", 1, {"review": True}, [])),
    ],
)
def test_scopes_are_those_of_the_claim_that_we_know(claim: object, scopes: set[str]) -> None:
    assert {str(scope) for scope in scopes_of(claim)} == scopes


async def test_algorithms_can_be_narrowed(tmp_path: Path) -> None:
    tokens = with_keys(tmp_path, jwks(jwk(rsa_key(), "k1")), jwt_algorithms=("RS512",))
    assert await refused(tokens, token(algorithm="RS512")) == ""
    assert await refused(tokens, token(algorithm="RS256"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"jwt_secret": SECRET, "jwt_keys": "x"}, "not both"),
        ({"jwt_secret": SECRET, "jwt_issuer": ""}, "JWT_ISSUER"),
        ({"jwt_secret": SECRET, "jwt_audience": ""}, "JWT_AUDIENCE"),
        ({"jwt_secret": SECRET, "jwt_algorithms": ("none",)}, "none is none of"),
        ({"jwt_secret": SECRET, "jwt_algorithms": ("HS256", "RS256")}, "RS256 is none of"),
        ({"jwt_keys": "x", "jwt_algorithms": ("RS256", "HS256")}, "HS256 is none of"),
        ({"jwt_secret": "short"}, "fewer than 32"),
        ({"jwt_secret": SECRET[:48], "jwt_algorithms": ("HS512",)}, "fewer than 64"),
        ({"jwt_secret": "a" * 64}, "guessed"),
        ({"jwt_secret": "secret-key" * 8}, "guessed"),
        ({"jwt_secret": "01" * 40}, "guessed"),
        ({"jwt_secret": issuer.pem(rsa_key()).decode()}, "key file"),
        ({"jwt_keys": "/no/such/file"}, "No such file"),
        ({"jwt_keys": "http://login.example/jwks"}, "https, not by http"),
        ({"jwt_keys": "ftp://login.example/jwks"}, "https, not by ftp"),
    ],
)
def test_settings_that_would_let_in_too_many_are_refused_in_one_sentence(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Tokens(AccessSettings(**{**TRUST, **settings}))
    sentence = str(caught.value)
    assert said in sentence
    assert sentence.startswith("ADJUDICATE_ACCESS__")
    assert "\n" not in sentence
    if secret := settings.get("jwt_secret"):
        assert secret[:12] not in sentence


def test_a_secret_is_shown_nowhere() -> None:
    settings = AccessSettings(jwt_secret=SECRET, **TRUST)
    assert SECRET not in repr(settings)
    assert SECRET not in settings.model_dump_json()
    assert SECRET not in repr(vars(Tokens(settings))["_settings"])
