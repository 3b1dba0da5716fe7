"""Qwen2-VL through transformers: the probability of a violation, and written answers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image, ImageOps
from transformers import AutoProcessor, Qwen2VLForConditionalGeneration
from transformers.utils import logging as transformers_logging

from adjudicate.errors import ConfigurationError
from executors.judge.model_config import ModelConfig, PictureSize, read_model_config
from executors.judge.prompt import VERDICT_LABELS, VERDICT_PREFIX, RuleText, Style, messages
from executors.shared.settings import JudgeSettings

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_HASHED_WHOLE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Question:
    """One ad as the judge sees it. `rules` are those that it is held to."""

    market: str
    copy: str
    image: Image.Image | None
    rules: Sequence[RuleText]


class Backend(Protocol):
    """Whatever answers questions. Not thread-safe: one caller at a time."""

    version: str
    max_copy: int
    max_aspect: float

    def probabilities(self, questions: Sequence[Question]) -> list[float]:
        """Return the probability of a violation, 0 to 1, of each question."""
        ...

    def answers(self, questions: Sequence[Question]) -> list[str]:
        """Return the written answer to each question, as the model wrote it."""
        ...


class QwenJudge:
    """A Qwen2-VL in this process. Keep one caller at a time: the model object holds state."""

    def __init__(self, settings: JudgeSettings) -> None:
        """Load processor and weights. Raises `ConfigurationError` with what to set."""
        torch.set_num_threads(settings.threads)
        transformers_logging.disable_progress_bar()
        self.device = _device(settings.device)
        self.precision = _precision(settings.precision, self.device)
        self._source = settings.model
        folder = Path(settings.model)
        self.name = folder.resolve().name if folder.is_dir() else settings.model
        self._config = read_model_config(folder) if folder.is_dir() else ModelConfig()
        self.style: Style = self._config.prompt if settings.prompt == "auto" else settings.prompt
        self.max_copy = self._config.max_copy
        self.max_aspect = self._config.max_aspect
        self._processor, self._model = self._load(folder)
        self._tokenizer = self._processor.tokenizer
        self._tokenizer.padding_side = "left"
        self._size = self._picture_size(settings.max_pixels)
        self._labels = self._label_tokens()
        self.version = _version(folder, self._model)

    @torch.inference_mode()
    def probabilities(self, questions: Sequence[Question]) -> list[float]:
        """As `Backend`. One forward pass; only the logits of the label's place are computed."""
        logits = self._model(**self._inputs(questions, VERDICT_PREFIX), logits_to_keep=1).logits
        no, yes = (logits[:, -1, label].float() for label in self._labels)
        found = torch.sigmoid((yes - no) / self._config.temperature).tolist()
        if any(math.isnan(probability) for probability in found):
            raise ArithmeticError("the judge's logits are not numbers")
        return list(found)

    @torch.inference_mode()
    def answers(self, questions: Sequence[Question]) -> list[str]:
        """As `Backend`. Greedy, at most the model's `max_new_tokens`."""
        inputs = self._inputs(questions, "")
        written = self._model.generate(
            **inputs, max_new_tokens=self._config.max_new_tokens, do_sample=False
        )
        fresh = written[:, inputs["input_ids"].shape[1] :]
        return list(self._tokenizer.batch_decode(fresh, skip_special_tokens=True))

    def _load(self, folder: Path) -> tuple[Any, Any]:
        local = folder.is_dir()
        try:
            processor = AutoProcessor.from_pretrained(self._source, local_files_only=local)
            model = Qwen2VLForConditionalGeneration.from_pretrained(
                self._source,
                dtype=_DTYPES[self.precision],
                attn_implementation="sdpa",
                local_files_only=local,
            )
        except (OSError, ValueError, KeyError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ConfigurationError(
                f"The judge's model {self._source!r} cannot be loaded ({reason.rstrip('.')}): set "
                "ADJUDICATE_JUDGE__MODEL to a folder with a Qwen2-VL, or to its name on the hub."
            ) from None
        # A model's own sampling defaults would only cause warnings: answers are greedy.
        model.generation_config.update(temperature=None, top_p=None, top_k=None)
        return processor, model.to(self.device).eval()

    def _picture_size(self, max_pixels: int) -> PictureSize:
        own = self._config.size
        if own is None:
            given = self._processor.image_processor.size
            own = PictureSize(
                shortest_edge=given["shortest_edge"], longest_edge=given["longest_edge"]
            )
        longest = min(own.longest_edge, max_pixels)
        return PictureSize(shortest_edge=min(own.shortest_edge, longest), longest_edge=longest)

    def _label_tokens(self) -> tuple[int, int]:
        prefix = self._tokenizer(VERDICT_PREFIX)["input_ids"]
        found = []
        for label in VERDICT_LABELS:
            ids = self._tokenizer(VERDICT_PREFIX + label)["input_ids"]
            if ids[: len(prefix)] != prefix or len(ids) == len(prefix):
                raise ConfigurationError(
                    f"The tokenizer of the judge's model {self._source!r} does not keep "
                    f"{VERDICT_PREFIX!r} apart from its label: it cannot serve as a judge."
                )
            found.append(ids[len(prefix)])
        no, yes = found
        if no == yes:
            raise ConfigurationError(
                f"The tokenizer of the judge's model {self._source!r} gives both labels one token."
            )
        return no, yes

    def _inputs(self, questions: Sequence[Question], prefix: str) -> Mapping[str, Any]:
        # Left over from the batch before, the offsets would shift this one's positions.
        self._model.model.rope_deltas = None
        texts = [self._text(question) + prefix for question in questions]
        images = [self._picture(q.image) for q in questions if q.image is not None]
        inputs = self._processor(
            text=texts,
            images=images or None,
            size=self._size.model_dump(),
            padding=True,
            return_tensors="pt",
        )
        return inputs.to(self.device)

    def _text(self, question: Question) -> str:
        chat = messages(
            self.style,
            market=question.market,
            copy=question.copy,
            has_image=question.image is not None,
            rules=question.rules,
        )
        return str(
            self._processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        )

    def _picture(self, image: Image.Image) -> Image.Image:
        """Reduce a huge picture cheaply to no less than twice what the processor keeps."""
        factor = int(math.sqrt(image.width * image.height / (4 * self._size.longest_edge)))
        if factor > 1:
            image = image.reduce(factor)
        if self._config.square and image.width != image.height:
            side = max(image.size)
            ground = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
            image = ImageOps.pad(image, (side, side), color=ground)  # type: ignore[arg-type]
        return image


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise ConfigurationError(f"ADJUDICATE_JUDGE__DEVICE: {wanted!r} is no device.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError(f"ADJUDICATE_JUDGE__DEVICE: {wanted!r} asks for a missing GPU.")
    return wanted


def _precision(wanted: str, device: str) -> str:
    """On a CPU float32: judging in bfloat16 was measured slower there."""
    if wanted != "auto":
        return wanted
    if not device.startswith("cuda"):
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _version(folder: Path, model: Any) -> str:
    """12 hex digits: of a folder's files (large ones by name and size), or the hub's revision."""
    if not folder.is_dir():
        return str(getattr(model.config, "_commit_hash", None) or "unknown")[:12]
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".jinja"):
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}:".encode())
            if size <= _HASHED_WHOLE:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
