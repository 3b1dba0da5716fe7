"""Thresholds: what the file may say, and what is said of a wrong one."""

from pathlib import Path

import pytest

from adjudicate.errors import ConfigurationError
from executors.library.thresholds import load_thresholds


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
