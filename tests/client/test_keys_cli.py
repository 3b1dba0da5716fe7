"""`adjudicate keys …`, on a database without a running service."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from adjudicate.cli.app import app
from adjudicate.cli.keys import KeyScope
from adjudicate.documents import AuditAsk
from executors.gateway.access.keys import is_key, key_id_of
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from executors.ledger.audit.reading import page
from executors.shared.database import opened


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/keys.db"
    monkeypatch.setenv("ADJUDICATE_DATABASE", url)
    return url


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments])


def made(*arguments: str) -> dict[str, object]:
    """A key that was made with --json."""
    result = keys("create", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_a_new_key_stands_alone_on_stdout_for_a_script_to_take(database: str) -> None:
    result = keys("create", "--name", "ci", "--scope", "review", "--scope", "library")
    assert result.exit_code == 0
    text = result.stdout.removesuffix("\n")
    (held,) = KeyStore(database).every()
    assert key_id_of(text) == held.id
    assert is_key(held, text)
    assert held.scopes == {Scope.REVIEW, Scope.LIBRARY}
    assert "shown only now" in result.stderr
    assert text not in result.stderr


def test_it_is_never_shown_again(database: str) -> None:
    secret = str(made("--name", "ci", "--scope", "admin")["key"])
    for arguments in (("list",), ("list", "--json"), ("revoke", key_id_of(secret) or "")):
        shown = keys(*arguments)
        assert shown.exit_code == 0
        assert (key_id_of(secret) or "?") in shown.output
        assert secret[17:] not in shown.output


def test_who_made_and_revoked_a_key_stands_in_the_audit_trail(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    key = made("--name", "Mei Chen", "--scope", "review", "--scope", "library")
    for _ in range(2):  # to revoke it again changes nothing
        assert keys("revoke", str(key["id"])).exit_code == 0
    with opened(database) as engine:
        entries = page(engine, AuditAsk(oldest=True))
        engine.dispose()
    told = [(entry.what, entry.subject, entry.by, entry.facts) for entry in entries]
    assert told == [
        ("key_created", key["id"], "shell:ada", '{"expires":"","scopes":"library review"}'),
        ("key_revoked", key["id"], "shell:ada", "{}"),
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("4w", 2_419_200)]
)
def test_a_key_may_have_an_end(database: str, text: str, seconds: int) -> None:
    before = int(time.time())
    key = made("--name", "ci", "--scope", "review", "--expires", text)
    until = datetime.fromisoformat(str(key["expires"])).timestamp()
    assert before + seconds <= until <= time.time() + seconds
    assert made("--name", "ci", "--scope", "review")["expires"] is None


@pytest.mark.parametrize("text", ["90", "d", "0d", "-1d", "1y", "90 days", "1.5d", "99999999d"])
def test_an_end_that_is_no_duration_is_refused(database: str, text: str) -> None:
    result = keys("create", "--name", "ci", "--scope", "review", f"--expires={text}")
    assert result.exit_code == 2
    assert "90d" in result.stderr
    assert KeyStore(database).every() == []


def test_the_list_says_what_each_key_allows_and_whether_it_does(database: str) -> None:
    one, two = (
        made("--name", "审核", "--scope", "review-console"),
        made("--name", "b", "--scope", "admin"),
    )
    assert keys("revoke", str(one["id"])).exit_code == 0
    table = keys("list").stdout.splitlines()
    assert [word in table[1] for word in (str(one["id"]), "审核", "review-console", "revoked")] == [
        *[True] * 4
    ]
    assert [word in table[2] for word in (str(two["id"]), "b", "admin", "active")] == [*[True] * 4]
    listed = [json.loads(line) for line in keys("list", "--json").stdout.splitlines()]
    assert [key["state"] for key in listed] == ["revoked", "active"]
    assert listed[1] == {name: value for name, value in two.items() if name != "key"}


def test_an_empty_list_says_what_to_do(database: str) -> None:
    assert "keys create" in keys("list").stdout
    assert keys("list", "--json").stdout == ""


def test_a_key_is_revoked_once_and_for_all(database: str) -> None:
    key_id = str(made("--name", "ci", "--scope", "review")["id"])
    first = json.loads(keys("revoke", key_id, "--json").stdout)
    again = json.loads(keys("revoke", key_id, "--json").stdout)
    assert first == again
    assert (first["state"], bool(first["revoked"])) == ("revoked", True)


def test_a_key_that_is_not_there_is_said_in_one_sentence(database: str) -> None:
    result = keys("revoke", "000000000000")
    assert result.exit_code == 1
    assert result.stderr == "adjudicate: there is no key '000000000000'\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scope", "review"), "--name"),
        (("--name", "ci"), "--scope"),
        (("--name", "ci", "--scope", "everything"), "review-console"),
        (("--name", " ", "--scope", "review"), "name"),
    ],
)
def test_wrong_use_is_told(database: str, arguments: tuple[str, ...], said: str) -> None:
    result = keys("create", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_database_that_cannot_be_opened_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ADJUDICATE_DATABASE", "postgresql+psycopg://u:hidden@127.0.0.1:1/x")
    result = keys("list")
    assert result.exit_code == 2
    assert result.stderr.startswith("adjudicate: ADJUDICATE_DATABASE: ")
    assert "hidden" not in result.output
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 1000)
    monkeypatch.setenv("ADJUDICATE_DATABASE", f"sqlite:///{tmp_path}/broken.db")
    result = keys("list")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_the_scopes_of_the_command_line_are_those_of_the_gateway() -> None:
    assert {str(scope) for scope in KeyScope} == {str(scope) for scope in Scope}
