"""docs/cli.md from the commands themselves: `python -m adjudicate.cli.reference > docs/cli.md`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import typer

_HEAD = """# The command line

Made from the commands themselves by `python -m adjudicate.cli.reference > docs/cli.md`; a test
keeps this page equal to them. `adjudicate COMMAND --help` says the same.

- `adjudicate --install-completion` teaches your shell to complete with TAB: commands, options, and
  values such as markets, rule codes, categories and model names. `--show-completion` prints the
  script.
- Every command that prints has `--json`: JSON on stdout, one object or a line for each, and nothing
  else there. Progress and remarks go to stderr.
- A mistake is one sentence on stderr, never a stack.

| status | means |
|---|---|
| 0 | done; of a review: every ad was decided |
| 1 | an ad has outcome `error`, or a request or a row was refused |
| 2 | wrong use: an option, a file, a setting; no space to write |
| 3 | the service is not available |
| 4 | an ad has an outcome named by `--fail-on` |
| 130 | stopped with Ctrl-C |

## Connection

Every command that asks a running service has these, shown once here:
"""
_CONNECTION = "Connection"


def page() -> str:
    """The whole page."""
    from adjudicate.cli.app import app

    root: Any = typer.main.get_command(app)
    parts = [_HEAD, _table(_connection(root))]
    for name, command in _tree(root):
        level = "##" if " " not in name or hasattr(command, "commands") else "###"
        parts += [f"{level} adjudicate {name}", *_said(name, command)]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _tree(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, sub in command.commands.items():
        yield " ".join((*path, name)), sub
        if hasattr(sub, "commands"):
            yield from _tree(sub, (*path, name))


def _connection(root: Any) -> list[Any]:
    parameters = root.commands["status"].params
    return [one for one in parameters if one.rich_help_panel == _CONNECTION]


def _said(name: str, command: Any) -> Iterator[str]:
    yield inspect.cleandoc(command.help or "")
    own = [one for one in command.params if getattr(one, "rich_help_panel", "") != _CONNECTION]
    if not hasattr(command, "commands"):
        shown = [one for one in own if one.name != "help"]
        if shown:
            yield _table(shown)
        if len(own) < len(command.params):
            yield "And the [connection](#connection)."
    epilog = inspect.cleandoc(command.epilog or "")
    lines = re.findall(r"^\s*\$ (.+)$", epilog, re.MULTILINE)
    yield "```sh\n" + "\n".join(lines) + "\n```"
    rest = re.split(r"\n\n", epilog, maxsplit=1)
    if len(rest) > 1:
        yield rest[1].strip()


def _table(parameters: list[Any]) -> str:
    rows = ["| | |", "|---|---|"]
    for parameter in parameters:
        rows.append(f"| {_name(parameter)} | {_help(parameter)} |")
    return "\n".join(rows)


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        return f"`{name}`".replace("|", "\\|")
    flags = [*reversed(parameter.opts), *parameter.secondary_opts]
    return ", ".join(f"`{flag}`" for flag in flags)


def _help(parameter: Any) -> str:
    said = [(parameter.help or "").strip()]
    if choices := _choices(parameter):
        said.append(f"One of {', '.join(choices)}.")
    default = parameter.default
    if parameter.name == "timeout":
        said.append("Each command has a default of its own.")
    elif default not in (None, "", False, ()) and not callable(default):
        said.append(f"Default: `{getattr(default, 'value', default)}`.")
    if getattr(parameter, "envvar", None):
        said.append(f"Variable: `{parameter.envvar}`.")
    if getattr(parameter, "required", False):
        said.append("Needed.")
    return " ".join(part for part in said if part).replace("|", "\\|").replace("\n", " ")


def _choices(parameter: Any) -> list[str]:
    annotation = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Enum):
            return [str(member.value) for member in kind]
    return []


if __name__ == "__main__":
    print(page(), end="")
