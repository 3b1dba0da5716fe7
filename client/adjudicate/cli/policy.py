"""`adjudicate policy …`: reads the rules of a folder, not through a service."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import completion, options
from adjudicate.cli.exits import Exit, fail, one_sentence
from adjudicate.cli.options import Market, Product
from adjudicate.errors import ConfigurationError

if TYPE_CHECKING:
    from executors.shared.policy import Policy

app = typer.Typer(
    no_args_is_help=True,
    help="The rules that ads are held to.",
    epilog=options.examples("adjudicate policy list --market CN", "adjudicate policy check"),
)

EXITS = "Exit status: 0; 1 a problem was found; 2 wrong use, or no such folder."


class Language(StrEnum):
    """In which the rule is shown."""

    EN = "en"
    ZH = "zh"


Folder = Annotated[
    Path | None, typer.Option(help="Of the rules; by default that of ADJUDICATE_POLICIES.")
]
In = Annotated[Language, typer.Option(help="The language of the rules' text.")]


@app.command(
    epilog=options.examples(
        "adjudicate policy check my-policy", "adjudicate policy check --json", then=EXITS
    )
)
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="By default that of ADJUDICATE_POLICIES."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Everything that is wrong with a folder of rules, and what is seldom meant.

    A problem, of which there may be none, stands on a line of its own as FILE:LINE: rule, field:
    what is wrong. Warnings do not change the exit status.
    """
    with one_sentence():
        import_policy()
        from adjudicate.cli.policy_tables import report_as_json, summary
        from executors.shared.policy import Policy
        from executors.shared.policy_report import check_folder

        report = check_folder(folder or settings_folder())
        policy = None if report.problems else Policy.of(report.rules)
        if as_json:
            print(report_as_json(report, policy))
        else:
            for problem in report.problems:
                print(problem.line_of_report())
            for warning in report.warnings:
                print(warning.line_of_report("warning"))
            print(summary(report, policy))
        if report.problems:
            raise typer.Exit(Exit.AD_ERROR)


@app.command(
    "list",
    epilog=options.examples(
        "adjudicate policy list --market CN --product drug",
        "adjudicate policy list --language zh --json",
    ),
)
def list_(
    market: Annotated[Market | None, typer.Option(help="Only what such ads are held to.")] = None,
    product: Annotated[Product | None, typer.Option(help="Only what such ads are held to.")] = None,
    language: In = Language.EN,
    as_json: options.Json = False,
    folder: Folder = None,
) -> None:
    """The rules, in the order in which a judge is given them."""
    with one_sentence():
        policy = _loaded(folder)
        from adjudicate.cli.console import Console
        from adjudicate.cli.policy_tables import PIPED, count, rule_as_json, rule_table

        rules = [
            rule for rule in (*policy.rules.values(), *policy.off.values())
            if rule.applies(market, product)
        ]  # fmt: skip
        if as_json:
            for rule in rules:
                print(json.dumps(rule_as_json(rule), ensure_ascii=False))
            return
        console = Console()
        if not console.is_terminal:
            console.width = max(console.width, PIPED)
        console.print(rule_table(rules, language, console.width))
        print(f"{count(len(rules), 'rule')}, policy {policy.version}")


@app.command(
    epilog=options.examples(
        "adjudicate policy show CN-AL-16", "adjudicate policy show US-FTC --language zh"
    )
)
def show(
    code: Annotated[
        str,
        typer.Argument(metavar="CODE", help="Of the rule.", autocompletion=completion.rules),
    ],
    language: In = Language.EN,
    as_json: options.Json = False,
    folder: Folder = None,
) -> None:
    """One rule: what it says, of whom, with its examples and terms."""
    with one_sentence():
        policy = _loaded(folder)
        from adjudicate.cli.console import Console
        from adjudicate.cli.policy_tables import rule_as_json, rule_panel

        rules = {**policy.rules, **policy.off}
        if code not in rules:
            fail(f"there is no rule {code}{_nearest(code, rules)}.", Exit.AD_ERROR)
        if as_json:
            print(json.dumps(rule_as_json(rules[code]), ensure_ascii=False))
        else:
            Console().print(rule_panel(rules[code], language))


@app.command(epilog=options.examples("adjudicate policy diff policies my-policy --json"))
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A folder of rules.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    as_json: options.Json = False,
) -> None:
    """Rules that B adds, removes or changes, and for which ads verdicts are made anew."""
    with one_sentence():
        one, other = _loaded(before), _loaded(after)
        from adjudicate.cli.policy_tables import difference, difference_lines

        found = difference(one, other)
        if as_json:
            print(json.dumps(found, ensure_ascii=False))
        else:
            print("\n".join(difference_lines(found)))


def import_policy() -> None:
    """Raises `ConfigurationError` where the modules that read rules are not installed."""
    try:
        import executors.shared.policy
        import executors.shared.settings  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is not installed; the policy commands need `pip install '.[serve]'`."
        ) from None


def settings_folder() -> Path:
    """The folder of the settings. Raises `ConfigurationError` for a wrong setting."""
    from executors.shared.settings import load_settings

    return load_settings().policies


def _loaded(folder: Path | None) -> Policy:
    import_policy()
    from executors.shared.policy import load_policy

    return load_policy(folder or settings_folder())


def _nearest(code: str, known: Any) -> str:
    from difflib import get_close_matches

    near = get_close_matches(code.upper(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
