"""What the repository ships beside code has its licence beside it."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from supply.pins import IMAGES, ROOT
from supply.shipped import FONTS, IMAGE_MODELS, LICENCE, fonts, models

ALLOWED = {"OFL-1.1": "SIL OPEN FONT LICENSE Version 1.1", "Apache-2.0": "Apache License"}


def test_every_font_is_listed_and_has_the_text_of_its_licence() -> None:
    listed = fonts()
    assert {font.file for font in listed} == {path.name for path in FONTS.glob("*.ttf")}
    for font in listed:
        text = " ".join(font.text.read_text(encoding="utf-8").split())
        assert ALLOWED[font.licence].lower() in text.lower(), font
        assert re.search("copyright", text, re.IGNORECASE), font


@pytest.mark.parametrize("name", models())
def test_every_model_has_a_card_with_its_licence(name: str) -> None:
    said = models()[name].card.read_text(encoding="utf-8")
    assert re.search(rf"^(\| licence \| )?{re.escape(LICENCE)}\b", said, re.MULTILINE)


def test_the_judges_weights_are_those_of_models_yml() -> None:
    known = yaml.safe_load((ROOT / "models" / "models.yml").read_text(encoding="utf-8"))["models"]
    recorded = [one["files"]["model.safetensors"] for one in known.values() if one.get("files")]
    assert models()["judge"].sha256 in recorded


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_carries_the_model_that_its_bill_names(image: str) -> None:
    folder = ROOT / "client" if image == "client" else ROOT / "executors" / image
    copied = re.findall(
        r"^COPY (?:--\S+ )*models/(\w+) ",
        (folder / "Dockerfile").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert copied == ([IMAGE_MODELS[image]] if image in IMAGE_MODELS else [])


def test_no_font_is_in_an_image() -> None:
    assert "render" not in (ROOT / ".dockerignore").read_text(encoding="utf-8")


def test_all_weights_are_safetensors() -> None:
    """The header is JSON: 8 bytes of its length, then the tensors' names and shapes."""
    for model in models().values():
        with model.path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        assert any("dtype" in tensor for tensor in header.values())
