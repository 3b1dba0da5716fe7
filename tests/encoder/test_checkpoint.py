"""What the encoder takes for a model, and what it refuses before anything is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import open_clip
import pytest

from adjudicate.errors import ConfigurationError
from executors.encoder.checkpoint import find
from tests.encoder.random_clip import SMALL, save_random

PICKLED = ["open_clip_pytorch_model.bin", "open_clip_pytorch_model.pth", "weights.pt"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("models") / "small", SMALL)


@pytest.mark.parametrize("name", PICKLED)
def test_a_folder_with_pickled_weights_alone_is_refused(
    model: Path, tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(model, tmp_path / "clip")
    (folder / "open_clip_model.safetensors").rename(folder / name)
    with pytest.raises(ConfigurationError, match=rf"no open_clip_model\.safetensors; {name} is a"):
        find(str(folder), "")


def test_safetensors_are_found_beside_a_pickle(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "clip")
    (folder / PICKLED[0]).write_bytes(b"never read")
    found = find(str(folder), "")
    assert found.weights.name == "open_clip_model.safetensors"
    # open_clip chooses for itself, by the same order.
    assert open_clip.factory._find_checkpoint_in_dir(folder) == str(found.weights)


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "vit.pt", "weights.npz"])
def test_a_tag_whose_weights_are_no_safetensors_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"never read")
    monkeypatch.setattr(open_clip, "download_pretrained", lambda tag: str(tmp_path / name))
    with pytest.raises(ConfigurationError, match=f"come as {name}") as refused:
        find("ViT-B-32", "laion2b_s34b_b79k")
    assert "\n" not in str(refused.value)


def test_a_tag_with_safetensors_is_taken(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    weights = model / "open_clip_model.safetensors"
    monkeypatch.setattr(open_clip, "download_pretrained", lambda tag: str(weights))
    found = find("ViT-B-32", "laion2b_s34b_b79k")
    assert (found.name, found.weights) == ("ViT-B-32/laion2b_s34b_b79k", weights)
