"""The console speaks both languages alike, and its templates say nothing that is not there."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from executors.gateway.console.rendering import environment
from executors.gateway.console.texts import FOLDER, LANGUAGES, chosen, teller, texts_of
from executors.shared.quality.notes import NOTES

TEMPLATES = Path(FOLDER).parent / "templates"
_ASKED = re.compile(r"""\bt\(\s*["']([\w.-]+)["']\s*[,)]""")


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_language_has_the_same_texts() -> None:
    keys = {language: set(texts_of(language)) for language in LANGUAGES}
    # The service says its notes in English itself.
    keys["en"] |= {f"notes.{code}" for code in NOTES}
    assert keys["en"] ^ keys["zh"] == set()


def test_a_text_has_the_same_blanks_in_every_language() -> None:
    english = {**texts_of("en"), **{f"notes.{code}": said for code, said in NOTES.items()}}
    chinese = texts_of("zh")
    assert [key for key in english if _names(english[key]) != _names(chinese[key])] == []


def test_no_text_is_empty_and_none_was_left_untranslated() -> None:
    english, chinese = texts_of("en"), texts_of("zh")
    assert [key for key, text in [*english.items(), *chinese.items()] if not text.strip()] == []
    same = [key for key in english if english[key] == chinese[key] and " " in english[key]]
    assert [key for key in same if not key.startswith("nav_keys.")] == []


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.glob("*.html")))
def test_what_a_template_says_is_among_the_texts(template: str) -> None:
    source = (TEMPLATES / template).read_text(encoding="utf-8")
    known = texts_of("en")
    assert [key for key in _ASKED.findall(source) if key not in known] == []
    environment().get_template(template)


def test_a_blank_is_filled_and_one_that_is_forgotten_is_a_mistake() -> None:
    tell = teller("en")
    assert tell("queue.waiting", n="3") == "3 waiting"
    with pytest.raises(KeyError):
        tell("queue.waiting", m=3)
    with pytest.raises(KeyError):
        tell("queue.nothing_like_that")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.2, zh;q=0.9", "zh"),
        ("fr, zh;q=0, en;q=0.1", "en"),
        ("zh;q=many", "en"),
        ("de", "en"),
    ],
)
def test_the_language_is_what_the_browser_likes_best_of_ours(accepted: str, language: str) -> None:
    assert chosen(accepted) == language
