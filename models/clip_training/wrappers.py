"""What an ad's copy says before and after its claim, by language."""

from pathlib import Path

import yaml

Wrappers = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def wrappers(use: str) -> Wrappers:
    """Phrases (before, after) of a language, for `training` or `held_out`."""
    lists = yaml.safe_load(Path(__file__).with_name("wrappers.yaml").read_text(encoding="utf-8"))
    return {
        language: (tuple(phrases["before"]), tuple(phrases["after"]))
        for language, phrases in lists[use].items()
    }
