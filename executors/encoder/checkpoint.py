"""Finding the model that the settings name: a folder in open_clip's layout, or an architecture."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from adjudicate.errors import ConfigurationError

_CONFIG = "open_clip_config.json"
# In the order in which open_clip itself looks for them; its pickled formats come after these.
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
_PICKLES = (".bin", ".pth", ".pt", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True)
class Checkpoint:
    """A model that is there to be loaded."""

    name: str
    """For people and for versions: the folder's, or `architecture/tag`."""
    source: str
    """What open_clip calls the model's name."""
    weights: Path
    config: Path | None = None

    @property
    def version(self) -> str:
        """Names the model and its weights, whatever the precision."""
        return f"{self.name}-{self.fingerprint()}"

    def fingerprint(self) -> str:
        """The first 8 hex digits of the SHA-256 of the weights and the configuration."""
        digest = hashlib.sha256()
        for file in (self.weights, self.config):
            if file is not None:
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()[:8]


def find(model: str, pretrained: str) -> Checkpoint:
    """The checkpoint by the settings' `model` and `pretrained`. Fetches a tag's weights once.

    Raises `ConfigurationError` for a folder or file that is missing, an unknown architecture or
    tag, weights that cannot be fetched, and weights in a format that can run code when it is read.
    """
    if os.sep in model or model.startswith("."):
        # Before open_clip is imported, which takes seconds: what is not there is said at once.
        if not Path(model).is_dir():
            raise ConfigurationError(f"ADJUDICATE_ENCODER__MODEL: there is no folder {model}.")
        return _folder(Path(model).resolve())
    import open_clip

    if model in open_clip.list_models():
        return _pretrained(model, pretrained)
    if Path(model).is_dir():
        return _folder(Path(model).resolve())
    raise ConfigurationError(
        f"ADJUDICATE_ENCODER__MODEL: {model!r} is neither a folder nor an architecture of "
        "open_clip, such as 'ViT-L-14'."
    )


def _folder(folder: Path) -> Checkpoint:
    config = folder / _CONFIG
    if not config.is_file():
        raise ConfigurationError(f"ADJUDICATE_ENCODER__MODEL: {folder} has no {_CONFIG}.")
    weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
        instead = f"; {pickled[0]} is a pickle, which runs code when it is read" if pickled else ""
        raise ConfigurationError(
            f"ADJUDICATE_ENCODER__MODEL: {folder} has no {_WEIGHTS[0]}{instead}."
        )
    return Checkpoint(folder.name, f"local-dir:{folder}", weights, config)


def _pretrained(architecture: str, tag: str) -> Checkpoint:
    import open_clip

    config = open_clip.get_pretrained_cfg(architecture, tag) if tag else None
    if not config:
        known = ", ".join(open_clip.list_pretrained_tags_by_model(architecture)) or "none"
        said = f"{tag!r} is not a tag of {architecture}" if tag else f"{architecture} needs a tag"
        raise ConfigurationError(f"ADJUDICATE_ENCODER__PRETRAINED: {said}; known: {known}.")
    try:
        weights = Path(open_clip.download_pretrained(config))
    except Exception as error:  # the hub's client raises its own and its transport's errors
        raise ConfigurationError(
            f"The weights of {architecture}/{tag} are not in the cache and could not be fetched "
            f"({type(error).__name__})."
        ) from error
    if weights.suffix != ".safetensors":
        raise ConfigurationError(
            f"ADJUDICATE_ENCODER__PRETRAINED: the weights of {architecture}/{tag} come as "
            f"{weights.name}, a format that can run code when it is read: use a tag or a folder "
            f"with {_WEIGHTS[0]}."
        )
    return Checkpoint(f"{architecture}/{tag}", architecture, weights)
