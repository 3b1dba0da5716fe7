"""The encoder says what open_clip says, in every precision; what it cannot load is said clearly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from adjudicate.errors import ConfigurationError
from executors.encoder.model import ClipEncoder, load
from executors.encoder.precision import resolve_device, resolve_precision
from executors.shared.hardware import cpu_has_bf16
from executors.shared.settings import ROOT, EncoderSettings, Precision
from tests.encoder.random_clip import SMALL, pictures, save_random

TEXTS = [
    "Cures diabetes in 7 days",
    "七天治愈糖尿病",
    "A cup of tea",
    "a photo of a cat",
    "100% natural",
]
SHIPPED = ROOT / "models" / "clip"
LEAST_COSINE: dict[Precision, float] = {"fp32": 0.9999, "bf16": 0.999, "fp16": 0.999}


def direct(folder: Path, images: list[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
    """What open_clip itself computes in fp32, one by one."""
    source = f"local-dir:{folder}"
    model, preprocess = open_clip.create_model_from_pretrained(source)
    tokenizer = open_clip.get_tokenizer(source)
    model.eval()
    with torch.no_grad():
        seen = [model.encode_image(preprocess(i)[None], normalize=True)[0] for i in images]
        read = [model.encode_text(tokenizer([t]), normalize=True)[0] for t in TEXTS]
    return torch.stack(seen).numpy(), torch.stack(read).numpy()


@pytest.mark.parametrize(
    "folder", [pytest.param("vit_folder", marks=pytest.mark.slow), "small_folder", "shipped"]
)
def test_it_equals_open_clip_in_every_precision(
    folder: str, request: pytest.FixtureRequest
) -> None:
    path = SHIPPED if folder == "shipped" else request.getfixturevalue(folder)
    images = pictures(5)
    seen, read = direct(path, images)
    for precision, least in LEAST_COSINE.items():
        encoder = load(EncoderSettings(model=str(path), device="cpu", precision=precision))
        for mine, theirs in (
            (encoder.encode_images(images), seen),
            (encoder.encode_texts(TEXTS), read),
        ):
            assert mine.dtype == np.float32
            assert mine.shape == theirs.shape
            assert np.linalg.norm(mine, axis=1) == pytest.approx(1, abs=1e-5)
            assert (mine * theirs).sum(axis=1).min() >= least, precision


def test_nothing_in_is_nothing_out(small: ClipEncoder) -> None:
    assert small.encode_images([]).shape == small.encode_texts([]).shape == (0, small.dimension)


def test_large_batches_are_split_and_keep_their_order(small: ClipEncoder) -> None:
    images = pictures(70)
    before = small.counters.forward_passes
    together = small.encode_images(images)
    assert small.counters.forward_passes == before + 3
    assert np.allclose(together[-3:], small.encode_images(images[-3:]), atol=1e-5)


def test_a_picture_of_one_pixels_height_does_not_fill_the_memory(small: ClipEncoder) -> None:
    for size in ((5_000_000, 1), (1, 5_000_000)):
        assert small.encode_images([Image.new("RGB", size)]).shape == (1, small.dimension)


def test_the_version_names_model_and_weights_but_not_the_precision(
    small_folder: Path, tmp_path: Path
) -> None:
    def version(folder: Path, precision: Precision = "fp32") -> str:
        return load(EncoderSettings(model=str(folder), precision=precision)).version

    first = version(small_folder)
    assert first.startswith("small-")
    moved = shutil.copytree(small_folder, tmp_path / "small")
    assert version(moved) == first
    # A library built in one precision is good in another.
    assert version(moved, "bf16") == first
    config = moved / "open_clip_config.json"
    document = json.loads(config.read_text())
    document["preprocess_cfg"]["interpolation"] = "bilinear"
    config.write_text(json.dumps(document))
    assert version(moved) != first


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (EncoderSettings(model="/nowhere/clip"), "there is no folder /nowhere/clip"),
        (EncoderSettings(model="ViT-Z-99"), "neither a folder nor an architecture"),
        (EncoderSettings(model="ViT-B-32"), "ViT-B-32 needs a tag; known: openai"),
        (EncoderSettings(model="ViT-B-32", pretrained="none"), "'none' is not a tag of ViT-B-32"),
        (EncoderSettings(device="tpu9"), "The device 'tpu9' is not available"),
        pytest.param(
            EncoderSettings(device="cuda"),
            "The device 'cuda' is not available",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_what_cannot_be_had_is_said_in_one_sentence(
    settings: EncoderSettings, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["open_clip_config.json", "open_clip_model.safetensors"])
@pytest.mark.parametrize("fate", ["missing", "broken"])
def test_a_folder_without_a_whole_model_is_said_in_one_sentence(
    small_folder: Path, tmp_path: Path, file: str, fate: str
) -> None:
    folder = shutil.copytree(small_folder, tmp_path / "clip")
    if fate == "missing":
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(b"{" * 100)
    with pytest.raises(ConfigurationError, match=file if fate == "missing" else "cannot be loaded"):
        load(EncoderSettings(model=str(folder)))


def test_weights_of_another_architecture_are_refused(small_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small_folder, tmp_path / "clip")
    config = folder / "open_clip_config.json"
    document = json.loads(config.read_text())
    document["model_cfg"]["embed_dim"] = 48
    config.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        load(EncoderSettings(model=str(folder)))


def test_a_vocabulary_that_the_tokenizer_does_not_have_is_refused(tmp_path: Path) -> None:
    config = {**SMALL, "text_cfg": {**SMALL["text_cfg"], "vocab_size": 5_000}}
    folder = save_random(tmp_path / "clip", config)
    with pytest.raises(ConfigurationError, match="vocabulary of 5000 tokens"):
        load(EncoderSettings(model=str(folder)))


def test_auto_is_the_fastest_sound_precision() -> None:
    cpu = resolve_device("cpu")
    assert resolve_precision("auto", cpu) == ("bf16" if cpu_has_bf16() else "fp32")
    assert resolve_precision("fp16", cpu) == "fp16"
    assert resolve_precision("auto", torch.device("cuda")) == "fp16"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_fp16_on_a_gpu_equals_open_clip(vit_folder: Path) -> None:
    images = pictures(5)
    seen, read = direct(vit_folder, images)
    encoder = load(EncoderSettings(model=str(vit_folder)))
    assert (encoder.device.type, encoder.precision) == ("cuda", "fp16")
    assert (encoder.encode_images(images) * seen).sum(axis=1).min() >= 0.999
    assert (encoder.encode_texts(TEXTS) * read).sum(axis=1).min() >= 0.999
