"""Thresholds: what the file may say, and what is said of a wrong one."""

import json
from pathlib import Path

import pytest

from adjudicate.errors import ConfigurationError
from executors.library.thresholds import OFF, load_thresholds, parse_thresholds


def write(folder: Path, content: str) -> Path:
    path = folder / "thresholds.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_a_category_has_its_own_and_an_unknown_one_the_default(tmp_path: Path) -> None:
    path = write(tmp_path, "image: {cure: 0.7}\ntext: {cure: 0.6}\ndefault: {image: 0.9}\n")
    thresholds = load_thresholds(path)
    assert thresholds.of("image", "cure") == 0.7
    assert thresholds.of("text", "cure") == 0.6
    assert thresholds.of("image", "other") == 0.9
    assert thresholds.of("text", "other") == 0.8


def test_an_empty_file_means_the_built_in_defaults(tmp_path: Path) -> None:
    thresholds = load_thresholds(write(tmp_path, ""))
    assert thresholds.of("image", "cure") == thresholds.of("text", "") == 0.8


def test_no_threshold_is_above_that_of_a_near_duplicate(tmp_path: Path) -> None:
    thresholds = load_thresholds(write(tmp_path, "image: {cure: 0.99}"), ceiling=0.97)
    assert thresholds.of("image", "cure") == 0.97


def test_the_version_follows_the_values(tmp_path: Path) -> None:
    first = load_thresholds(write(tmp_path, "image: {cure: 0.7}")).version
    assert load_thresholds(write(tmp_path, "# said\nimage:\n  cure: 0.70\n")).version == first
    assert load_thresholds(write(tmp_path, "image: {cure: 0.71}")).version != first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("image: {cure: 1.2}", "thresholds.yaml, image.cure: "),
        ("image: {cure: 0}", "thresholds.yaml, image.cure: "),
        ("image: {cure: .nan}", "thresholds.yaml, image.cure: "),
        ("text: {cure: high}", "thresholds.yaml, text.cure: "),
        ("default: {imge: 0.8}", "thresholds.yaml, default.imge: "),
        ("imge: {}", "thresholds.yaml, imge: "),
        ("- a list", "thresholds.yaml, the file: "),
        ("image: {", "thresholds.yaml cannot be read: "),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_thresholds(write(tmp_path, content))
    assert str(refused.value).startswith(said)


def test_a_missing_file_is_refused_with_the_variable_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="set ADJUDICATE_LIBRARY__THRESHOLDS"):
        load_thresholds(tmp_path / "none.yaml")


def test_between_picture_and_text_nothing_matches_unless_it_is_said(tmp_path: Path) -> None:
    assert load_thresholds(write(tmp_path, "")).of("image-text", "cure") == OFF
    content = "image-text: {cure: 0.3}\ndefault: {image-text: 0.4}\n"
    thresholds = load_thresholds(write(tmp_path, content), ceiling=0.97)
    assert thresholds.of("image-text", "cure") == 0.3
    assert thresholds.of("image-text", "other") == 0.4


@pytest.mark.parametrize("word", ["off", "false", "null"])
def test_a_signal_can_be_switched_off(tmp_path: Path, word: str) -> None:
    content = f"image: {{cure: {word}}}\nimage-text: {{cure: {word}}}\ndefault: {{image-text: 0.4}}"
    thresholds = load_thresholds(write(tmp_path, content), ceiling=0.97)
    assert thresholds.of("image-text", "cure") == OFF
    assert thresholds.shown("image-text", "cure") == 0.0
    assert thresholds.of("image", "cure") == 0.97, "what is almost an exemplar still matches"


def test_the_encoder_that_they_were_measured_with_is_kept(tmp_path: Path) -> None:
    named = load_thresholds(write(tmp_path, "encoder: v1\nimage: {cure: 0.7}"))
    assert named.encoder == "v1"
    assert named.version != load_thresholds(write(tmp_path, "image: {cure: 0.7}")).version


def test_content_makes_the_same_thresholds_again(tmp_path: Path) -> None:
    content = "image: {cure: 0.7, other: off}\nimage-text: {cure: 0.3}\n"
    thresholds = load_thresholds(write(tmp_path, content), ceiling=0.97)
    again = parse_thresholds(json.loads(json.dumps(thresholds.content())), "", ceiling=0.97)
    assert again.version == thresholds.version
    assert again.by_category == thresholds.by_category
