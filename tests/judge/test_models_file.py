"""Setting one field of one entry, with all else as it stood."""

import pytest
import yaml

from executors.judge.models_file import with_field

TEXT = """\
# what they are
models:
  one:
    source: ./one   # here
    temperature: 1.0  # measured
    files:
      a.json: "0"
      b.json: "1"

  # the second
  two:
    source: ./two
    limits: {max_batch: 3}
# the end
"""


def _others(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lstrip().startswith("#")]


def test_a_value_is_replaced_and_comments_stay() -> None:
    changed = with_field(TEXT, "one", "temperature", 2.5)
    assert yaml.safe_load(changed)["models"]["one"]["temperature"] == 2.5
    assert changed.replace("    temperature: 2.5\n", "    temperature: 1.0  # measured\n") == TEXT


def test_a_mapping_is_replaced_as_a_whole() -> None:
    changed = with_field(TEXT, "one", "files", {"c.json": "2"})
    data = yaml.safe_load(changed)["models"]
    assert data["one"]["files"] == {"c.json": "2"}
    assert data["two"] == yaml.safe_load(TEXT)["models"]["two"]
    assert _others(changed) == _others(TEXT)


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_new_field_goes_to_the_end_of_its_entry(name: str) -> None:
    changed = with_field(TEXT, name, "note", "新的: yes")
    before, after = yaml.safe_load(TEXT)["models"], yaml.safe_load(changed)["models"]
    assert after[name] == {**before[name], "note": "新的: yes"}
    assert {**after, name: before[name]} == before
    assert _others(changed) == _others(TEXT)


def test_a_new_mapping_can_follow_any_entry_and_be_replaced_again() -> None:
    once = with_field(TEXT, "two", "files", {"a": "1", "b": "2"})
    again = with_field(once, "two", "files", {"b": "3"})
    assert yaml.safe_load(again)["models"]["two"]["files"] == {"b": "3"}
    assert with_field(again, "two", "files", {"a": "1", "b": "2"}) == once


def test_what_is_not_there_or_stands_on_one_line_is_said() -> None:
    with pytest.raises(KeyError):
        with_field(TEXT, "three", "note", "x")
    with pytest.raises(ValueError, match="braces"):
        with_field("models:\n  one: {source: ./one}\n", "one", "note", "x")
