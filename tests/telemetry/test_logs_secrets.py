"""Nothing secret and nothing of an ad in a line, whoever writes it."""

from __future__ import annotations

import base64
import json
import logging
import os
import sqlite3
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from sqlalchemy import Column, MetaData, String, Table, insert
from sqlalchemy.exc import IntegrityError, OperationalError

from executors.gateway.access.keys import make_key
from executors.gateway.caller import Scope
from executors.shared.database import writing
from executors.shared.logs.exceptions import MAX_FRAMES, text_of
from executors.shared.logs.lines import LineFormatter
from executors.shared.logs.secrets import HIDDEN, Scrubber, secrets_of
from executors.shared.settings import Settings
from tests.services.tables import open_with

COPY = "Heilt Krebs in drei Tagen, garantiert 保证治愈"


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("line", "kept", "gone"),
    [
        ("authorization: Bearer abcdef123456", "Bearer", "abcdef"),
        ("sec-websocket-protocol: adjudicate.v1, bearer.abcdef123456", "adjudicate.v1", "abcdef"),
        ("Basic dXNlcjpwYXNzd29yZA==", "Basic", "dXNlc"),
        ("x-api-key=sk-1234567890", "x-api-key", "sk-1234"),
        ("{'api_key': 'sk-1234567890'}", "api_key", "sk-1234"),
        ('{"password": "hunter2hunter2"}', "password", "hunter2"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "jwt", "eyJhbG"),
        ("postgresql://desk:hunter2@db/ads refused", "db/ads refused", "hunter2"),
        ("redis://:hunter2@cache:6379/0", "cache:6379/0", "hunter2"),
        ("https://cdn.example/a.png?sig=abc&e=1 gave 403", "cdn.example/a.png", "sig=abc"),
        ("data:image/png;base64,iVBORw0KGgo=", "data:image/png", "iVBOR"),
        (f"picture {base64.b64encode(os.urandom(600)).decode()}", "picture", "=="),
    ],
)
def test_what_looks_like_a_secret_is_left_out(line: str, kept: str, gone: str) -> None:
    clean = Scrubber().clean(line)
    assert kept in clean
    assert gone not in clean
    assert HIDDEN in clean


def test_a_key_is_known_by_its_id_alone() -> None:
    key, text = make_key("desk", frozenset({Scope.REVIEW}), 0.0)
    clean = Scrubber().clean(f"the key {text} is no good")
    assert clean == f"the key adj_{key.id}_{HIDDEN} is no good"
    assert Scrubber().clean(f"caller key:{key.id}") == f"caller key:{key.id}"


@pytest.mark.parametrize(
    "line",
    [
        "tokens 512, password rules: see the docs",
        "the token is not valid: it has expired",
        "gateway ready (gRPC 51000, HTTP 51001, WebSocket 51002)",
        "policy 3f2a9c1d is in force instead of 77aa01be",
        '{"trace_id":"0af7651916cd43dd8448eb211c80319c","ms":{"judge":81.2}}',
    ],
)
def test_an_ordinary_line_stays_as_it_is(line: str) -> None:
    assert Scrubber().clean(line) == line


def test_every_secret_of_the_settings_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = {
        "ADJUDICATE_DATABASE": "postgresql://desk:p%40ss-of-database@db/ads",
        "ADJUDICATE_ACCESS__JWT_SECRET": 'jwt"secret\\of-tests',
        "ADJUDICATE_JUDGE__API_KEY": "judge-key-of-tests",
        "ADJUDICATE_JUDGE__CACHE_URL": "redis://:pass-of-cache@cache/0",
        "ADJUDICATE_TELEMETRY__OTLP_HEADERS": "x-team=ads,x-otlp=header-of-tests",
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    scrubber = Scrubber(secrets_of(Settings()))
    formatter = LineFormatter("json", "ledger", 0, scrubber)
    secrets = (
        *("p@ss-of-database", "p%40ss-of-database", 'jwt"secret\\of-tests', "judge-key-of-tests"),
        *("pass-of-cache", "header-of-tests"),
    )
    for secret in secrets:
        record = logging.LogRecord("x", logging.INFO, "", 0, "said %s!", (secret,), None)
        assert json.loads(formatter.format(record))["event"] == f"said {HIDDEN}!"


def test_a_short_password_takes_no_words_away() -> None:
    assert Scrubber(["a", "", "ads"]).clean("3 ads decided") == "3 ads decided"


def test_an_exception_says_where_and_what_but_not_what_it_was_about() -> None:
    class Form(BaseModel):
        age: int

    with pytest.raises(ValidationError) as caught:
        Form.model_validate({"age": COPY})
    assert "age (int_parsing)" in text_of(caught.value)
    quoted = raised(ValueError(f"cannot read {COPY!r}"))
    for error in (caught.value, quoted, raised(RuntimeError(repr(b"\x89PNG" + bytes(40))))):
        text = text_of(error)
        assert "Krebs" not in text
        assert "PNG" not in text
        assert "test_logs_secrets.py" in text
        assert type(error).__name__ in text


def test_a_databases_exception_has_no_values() -> None:
    insert = "INSERT INTO decisions (claim, id) VALUES (?, ?)"
    refused = sqlite3.IntegrityError("UNIQUE constraint failed: decisions.id")
    server = OperationalError(insert, (COPY, "a"), Exception(f"duplicate key\nDETAIL: ({COPY})"))
    for error in (IntegrityError(insert, (COPY, "a"), refused), server):
        text = text_of(raised(error))
        assert "Krebs" not in text
        assert "sqlalchemy.exc." in text
    assert "duplicate key" in text


def test_our_databases_keep_the_values_out_of_their_exceptions(tmp_path: Path) -> None:
    metadata = MetaData()
    table = Table("claims", metadata, Column("claim", String, primary_key=True))
    engine = open_with(f"sqlite:///{tmp_path / 'a.db'}", metadata)
    twice = insert(table).values([{"claim": COPY}, {"claim": COPY}])
    with writing(engine) as connection, pytest.raises(IntegrityError) as caught:
        connection.execute(twice)
    engine.dispose()
    assert "INSERT INTO claims" in str(caught.value)
    assert "Krebs" not in str(caught.value)


def test_paths_and_short_words_of_an_exception_stay() -> None:
    error = FileNotFoundError(2, "No such file or directory", "/srv/models/judge/model.safetensors")
    assert "/srv/models/judge/model.safetensors" in text_of(error)
    assert text_of(KeyError("encoder")) == "KeyError: 'encoder'"


def test_what_a_library_logs_is_its_first_line_without_what_it_quotes() -> None:
    formatter = LineFormatter("json", "ledger", 0, Scrubber())

    def event(logger: str, message: str) -> str:
        record = logging.LogRecord(logger, logging.ERROR, "", 0, message, None, None)
        return str(json.loads(formatter.format(record))["event"])

    # As Jina logs what a room raised, and asyncio a task that nobody awaited.
    repeated = f"{ValueError(COPY)!r}\n add --quiet-error to suppress the details"
    assert event("ledger/rep-0", repeated) == "ValueError('…')"
    never = f"Task exception was never retrieved\nfuture: <Task exception=ValueError({COPY!r})>"
    assert event("asyncio", never) == "Task exception was never retrieved"
    assert event("executors.policies", "rule 'one that has a long name'") == (
        "rule 'one that has a long name'"
    )
    asked = '127.0.0.1:1 - "POST /v1/review HTTP/1.1" 200'
    assert event("uvicorn.access", asked) == asked


def test_causes_and_groups_are_told_within_bounds() -> None:
    def deep(levels: int) -> None:
        if levels:
            deep(levels - 1)
        try:
            raise OSError("the disk is gone")
        except OSError as error:
            raise RuntimeError("cannot write") from error

    with pytest.raises(RuntimeError) as caught:
        deep(3 * MAX_FRAMES)
    text = text_of(caught.value)
    assert text.index("OSError: the disk is gone") < text.index("RuntimeError: cannot write")
    assert text.count("in deep") <= MAX_FRAMES + 1
    group = text_of(ExceptionGroup("two", [raised(KeyError("a")), raised(KeyError("b"))]))
    assert "KeyError: 'a'" in group
    assert "KeyError: 'b'" in group


def test_an_exception_that_is_its_own_cause_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert text_of(one).count("ValueError") == 2
