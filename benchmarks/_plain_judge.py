"""The plain path: one ad at a time through the stock processor and model, nothing shared."""

from pathlib import Path
from typing import Any

import torch
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer
from llguidance.torch import allocate_token_bitmask, fill_next_token_bitmask
from transformers import AutoProcessor, LogitsProcessor, Qwen2VLForConditionalGeneration

from executors.judge.answer import json_schema
from executors.judge.backend import Question
from executors.judge.model_config import read_model_config
from executors.judge.prompt import LABELS, messages

_LAYOUT = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}


class PlainJudge:
    """What a user of transformers would write."""

    def __init__(self, folder: Path, max_new_tokens: int | None = None) -> None:
        self.config = read_model_config(folder)
        self._most = max_new_tokens or self.config.max_new_tokens
        self.processor = AutoProcessor.from_pretrained(folder)
        self.model = Qwen2VLForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="sdpa"
        ).eval()
        self.constraint = from_tokenizer(
            self.processor.tokenizer, n_vocab=self.model.config.text_config.vocab_size
        )

    def inputs(self, question: Question, forced: str = "") -> Any:
        chat = messages(
            self.config.prompt,
            market=question.market,
            copy=question.copy,
            has_image=question.image is not None,
            rules=question.rules,
        )
        text = self.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        size = {} if self.config.size is None else {"size": self.config.size.model_dump()}
        return self.processor(
            text=[text + forced],
            images=None if question.image is None else [question.image],
            return_tensors="pt",
            **size,
        )

    @torch.inference_mode()
    def logit(self, question: Question, prefix: str) -> float:
        """`logit(true) - logit(false)` behind the forced `prefix` of a label pass."""
        self.model.model.rope_deltas = None
        logits = self.model(**self.inputs(question, prefix)).logits[0, -1]
        tokenizer = self.processor.tokenizer
        start = len(tokenizer(prefix)["input_ids"])
        no, yes = (tokenizer(prefix + label)["input_ids"][start] for label in LABELS)
        return float(logits[yes] - logits[no])

    @torch.inference_mode()
    def answer(self, question: Question, *, constrained: bool = True) -> str:
        """The greedy answer, within the grammar of answers or not."""
        self.model.model.rope_deltas = None
        inputs = self.inputs(question)
        length = inputs["input_ids"].shape[1]
        rationale = self.config.prompt == "full"
        schema = json_schema(len(question.rules), rationale=rationale)
        matcher = LLMatcher(
            self.constraint, LLMatcher.grammar_from_json_schema(schema, overrides=_LAYOUT)
        )
        written = self.model.generate(
            **inputs,
            max_new_tokens=self._most,
            do_sample=False,
            logits_processor=[_Constraint(matcher, length)] if constrained else [],
        )
        return self.processor.tokenizer.decode(written[0, length:], skip_special_tokens=True)


class _Constraint(LogitsProcessor):
    def __init__(self, matcher: LLMatcher, length: int) -> None:
        self._matcher = matcher
        self._length = length

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if ids.shape[1] > self._length:
            assert self._matcher.consume_token(int(ids[0, -1]))
        bits = allocate_token_bitmask(1, scores.shape[1])
        fill_next_token_bitmask(self._matcher, bits)
        places = torch.arange(scores.shape[1])
        allowed = (bits[0, places // 32] >> places % 32) & 1
        return scores.masked_fill(allowed == 0, -torch.inf)
