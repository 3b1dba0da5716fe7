"""What the console says, in each language: the YAML files of a folder `texts/<language>`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = {"en": "English", "zh": "中文"}
FOLDER = Path(__file__).parent / "texts"

Tell = Callable[..., str]


@cache
def texts_of(language: str) -> Mapping[str, str]:
    """Every text of the language by its key, `section.name`.

    Raises `ValueError` for a section that stands in two files.
    """
    found: dict[str, str] = {}
    sections: set[str] = set()
    for file in sorted((FOLDER / language).glob("*.yaml")):
        content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        if twice := sections & set(content):
            raise ValueError(f"{file.name}: {', '.join(sorted(twice))} stands in another file too")
        sections |= set(content)
        found.update(_flat(content))
    return found


def teller(language: str) -> Tell:
    """`t("section.name", count=3)`: the text, with `{count}` filled in.

    It raises `KeyError` for a key that there is not, and for a name that the text wants.
    """
    texts = texts_of(language)

    def tell(key: str, **values: Any) -> str:
        text = texts[key]
        return text.format(**values) if values else text

    return tell


def known(language: str, key: str) -> bool:
    """Whether there is a text of this key: codes that later releases add have none yet."""
    return key in texts_of(language)


def chosen(accepted: str) -> str:
    """The language of an `Accept-Language` header that the console speaks; else English."""
    ranked = []
    for place, part in enumerate(accepted.split(",")):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        ranked.append((-weight, place, tag.split("-")[0].lower()))
    return next((tag for weight, _, tag in sorted(ranked) if tag in LANGUAGES and weight), "en")


def _flat(content: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = str(value)
    return found
