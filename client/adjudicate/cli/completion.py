"""Values that a shell completes. A shell that asks for them wants no errors: it gets none then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from executors.shared.policy import Policy


def _quiet(values: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    @wraps(values)
    def complete(incomplete: str) -> list[str]:
        try:
            return [value for value in values() if value.startswith(incomplete)]
        except Exception:  # whatever the settings or the files lack, the command says it, not TAB
            return []

    # Typer gives a completion what its signature asks for.
    del complete.__dict__["__wrapped__"]
    complete.__annotations__ = {"incomplete": str}
    return complete


@_quiet
def rules() -> Iterable[str]:
    """Codes of the policy of the settings here."""
    policy = _policy()
    return [*policy.rules, *policy.off]


@_quiet
def categories() -> Iterable[str]:
    """Categories that its rules are about."""
    return sorted({name for rule in _policy().rules.values() for name in rule.categories})


@_quiet
def models() -> Iterable[str]:
    """Names of models.yml."""
    from executors.judge.registry import entries
    from executors.shared.settings import load_settings

    return entries(load_settings().judge)


def _policy() -> Policy:
    from executors.shared.policy import load_policy
    from executors.shared.settings import load_settings

    return load_policy(load_settings().policies)
