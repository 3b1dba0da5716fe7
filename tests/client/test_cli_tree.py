"""What holds for every command: help with examples that parse, text for each option, --json."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from adjudicate.cli import options
from adjudicate.cli.app import app

ROOT: Any = typer.main.get_command(app)

NO_JSON = {
    "up": "runs until it is stopped; the rooms print their logs",
    "demo": "writes out/demo.json beside its report",
    "audit export": "writes JSON lines",
    "records export": "writes a file for programs",
}
"""Commands that print nothing for a program, and why."""

CONNECTION = {"url", "api_key", "header", "ca", "timeout"}
LOCAL = {
    *("up", "demo", "judge calibrate", "encoder export-onnx", "library encoders"),
    *("database prepare", "database backup", "database restore"),
    *("library reembed", "models verify", "models lock", "policy check", "policy list"),
    *("policy show", "policy diff", "keys create", "keys list", "keys revoke", "capacity"),
}
"""Commands that talk to no running service, or start their own."""


def tree(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every group and command by its name behind `adjudicate`."""
    yield " ".join(path), command
    for name, sub in getattr(command, "commands", {}).items():
        yield from tree(sub, (*path, name))


NODES = dict(tree())
COMMANDS = {name: node for name, node in NODES.items() if not hasattr(node, "commands")}


def lines_of(command: Any) -> list[str]:
    """The examples of a command: what follows `$ ` in its epilog."""
    return re.findall(r"^\s*\$ (.+)$", command.epilog or "", re.MULTILINE)


def invocations(line: str) -> list[list[str]]:
    """The arguments of each `adjudicate …` of a shell line that says all of them itself."""
    found = re.findall(r"\badjudicate ((?:'[^']*'|[^|)'])*)", line)
    # Behind xargs it is told what it lacks.
    return [shlex.split(a) + ["x"] * ("xargs" in line and a == found[-1]) for a in found]


def parse(arguments: list[str]) -> str:
    """The name of the command that they call. Raises as it does at a wrong option or value."""
    command, context, path = ROOT, None, []
    rest, name = arguments, "adjudicate"
    while hasattr(command, "commands"):
        context = command.make_context(name, list(rest), parent=context)
        left = [*context._protected_args, *context.args]
        if not left:
            return " ".join(path)
        name, command, rest = command.resolve_command(context, left)
        path.append(name)
    command.make_context(name, list(rest), parent=context)
    return " ".join(path)


def test_the_tree_is_walked() -> None:
    assert {"review", "library import", "policy show", "thresholds compare"} <= set(COMMANDS)
    assert set(NODES) - set(COMMANDS) >= {"", "library", "policy", "models"}


@pytest.mark.parametrize("name", NODES)
def test_every_command_and_group_has_one_to_three_examples_that_parse(name: str) -> None:
    lines = lines_of(NODES[name])
    assert 1 <= len(lines) <= 3
    called = [parse(arguments) for line in lines for arguments in invocations(line)]
    assert called
    if name in COMMANDS:
        assert {*called} - {"library list"} in ({name}, set())
        assert name in called
    else:
        assert all(one.startswith(name) for one in called)


def test_an_example_with_a_wrong_option_would_be_seen() -> None:
    for wrong in ("review --no-such", "review --market MARS", "nonsense", "policy show"):
        with pytest.raises(Exception, match=r"No such|not one of|Missing|Invalid"):
            parse(shlex.split(wrong))


@pytest.mark.parametrize("name", NODES)
def test_every_command_says_what_it_does_and_what_each_option_is_for(name: str) -> None:
    command = NODES[name]
    assert command.help
    silent = [
        parameter.name
        for parameter in command.params
        if parameter.name not in ("help", "install_completion", "show_completion")
        and not getattr(parameter, "help", None)
    ]
    assert silent == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json_but_those_that_have_a_reason(name: str) -> None:
    flags = {flag for parameter in COMMANDS[name].params for flag in parameter.opts}
    assert ("--json" in flags) == (name not in NO_JSON)


def test_the_exceptions_are_commands() -> None:
    assert set(COMMANDS) >= set(NO_JSON)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_asks_the_service_has_the_same_connection_options(name: str) -> None:
    here = {parameter.name: parameter for parameter in COMMANDS[name].params}
    assert set(here) >= CONNECTION if name not in LOCAL else not CONNECTION & {*here} - {"url"}
    if name not in LOCAL:
        assert here["url"].envvar == "ADJUDICATE_URL"
        assert here["api_key"].envvar == "ADJUDICATE_API_KEY"
        assert here["url"].default == options.DEFAULT_URL
        assert all(here[option].rich_help_panel == "Connection" for option in CONNECTION)


def test_the_key_is_shown_in_no_help_and_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    monkeypatch.setenv("ADJUDICATE_API_KEY", "secret-of-mine")
    assert "secret-of-mine" not in CliRunner().invoke(app, ["status", "--help"]).output
    assert "secret-of-mine" not in repr(options.Service(api_key="secret-of-mine"))
