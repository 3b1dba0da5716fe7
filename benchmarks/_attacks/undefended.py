"""The judge as one would write it first: the ad's copy in the prompt, and the answer believed.

No fence, nothing cleaned, the chat's tokens taken as tokens wherever they stand, no detector, no
label for instructions, and the verdict is the one that the model writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoProcessor, Qwen2VLForConditionalGeneration

from adjudicate.documents import Case
from executors.judge.model_config import read_model_config
from executors.judge.prompt import rules_text
from executors.shared.images import decode
from executors.shared.policy import Policy
from executors.shared.settings import ImageLimits

Outcome = Literal["approve", "reject", "unusable"]
_BATCH = 16


class Undefended:
    """A Qwen2-VL without defences, for comparison."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        self._config = read_model_config(folder)
        self._policy = policy
        self._processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        self._model = Qwen2VLForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
        ).eval()
        self._model.generation_config.update(temperature=None, top_p=None, top_k=None)

    def outcomes(self, cases: Sequence[Case]) -> list[Outcome]:
        """What becomes of each ad, in order; `unusable` where nothing that is an answer came."""
        order = sorted(range(len(cases)), key=lambda place: cases[place].image is None)
        found: dict[int, Outcome] = {}
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            pictured = [place for place in places if cases[place].image is not None]
            for part in (pictured, [place for place in places if place not in pictured]):
                found.update(zip(part, self._batch([cases[p] for p in part]), strict=True))
        return [found[place] for place in range(len(cases))]

    def special_tokens(self, case: Case) -> int:
        """How many tokens of the chat template the prompt of this ad has."""
        tokenizer = self._processor.tokenizer
        ids = tokenizer(self._prompt(case))["input_ids"]
        return sum(token in tokenizer.all_special_ids for token in ids)

    def _batch(self, cases: Sequence[Case]) -> list[Outcome]:
        if not cases:
            return []
        try:
            return [_outcome(text) for text in self._written(cases)]
        except ValueError:
            # The copy of one has a picture's token: no picture is there for it.
            if len(cases) == 1:
                return ["unusable"]
            return [outcome for case in cases for outcome in self._batch([case])]

    @torch.inference_mode()
    def _written(self, cases: Sequence[Case]) -> Iterator[str]:
        images = [decode(case.image, ImageLimits()) for case in cases if case.image is not None]
        size = {} if self._config.size is None else {"size": self._config.size.model_dump()}
        inputs: Any = self._processor(
            text=[self._prompt(case) for case in cases],
            images=images or None,
            padding=True,
            return_tensors="pt",
            **size,
        )
        self._model.model.rope_deltas = None
        written = self._model.generate(
            **inputs, max_new_tokens=self._config.max_new_tokens, do_sample=False
        )
        fresh = written[:, inputs["input_ids"].shape[1] :]
        yield from self._processor.batch_decode(fresh, skip_special_tokens=True)

    def _prompt(self, case: Case) -> str:
        rules = self._policy.applicable(case.market, None)
        question = f"market: {case.market}\ncopy: {case.text}\nDoes this ad break a rule?"
        text: Any = {"type": "text", "text": question}
        content = [text] if case.image is None else [{"type": "image"}, text]
        system = [{"type": "text", "text": rules_text(self._config.prompt, rules)}]
        chat = [{"role": "system", "content": system}, {"role": "user", "content": content}]
        prompt: str = self._processor.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return prompt


def _outcome(written: str) -> Outcome:
    try:
        answer = json.loads(written)
    except ValueError:
        return "unusable"
    violation = answer.get("violation") if isinstance(answer, dict) else None
    if not isinstance(violation, bool):
        return "unusable"
    return "reject" if violation else "approve"
