"""Token batches: each row holds an ad once, then its three answers, blind to each other.

The rules stand before the ad and are the same for many rows: they are computed once per policy, and
their rows are attended to by every ad that is held to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen2VLProcessor

from executors.judge.prompt import (
    INSTRUCTION_PREFIX,
    LABELS,
    VERDICT_PREFIX,
    full_answer,
    label_answer,
    messages,
    rules_text,
)
from models.judge_training.ads import TrainingAd
from models.judge_training.language import Look
from models.judge_training.network import GRID, IMAGE_TOKENS
from models.judge_training.policies import TrainingPolicy
from models.judge_training.tokenizer import EOS, IMAGE
from models.render.claims import Claim

_SYSTEM_STARTS = "<|im_start|>system\n"
_AD_STARTS = "<|im_start|>user\n"
_KEY_WEIGHT = 4.0
NUMBER_WEIGHT = 12.0
"""Of a rule's number: one token of forty, and the one that is hardest to find."""
_TYPED_WEIGHT = 0.2
_PROMPT, _VERDICT, _INSTRUCTION, _FULL = range(4)


@dataclass(frozen=True)
class Rules:
    """`ids` `[G, P]` of the policies' prompts, padded on the left; `mask` `[G, P]`, True: a token.

    `positions` `[G, P]` count from each prompt's own start; `lengths` `[G]`.
    """

    ids: Tensor
    mask: Tensor
    positions: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class TokenBatch:
    """`ids`, `weights` `[B, L]`; `positions` `[3, B, L]`; `mask` `[B, 1, L, L]` additive.

    `rules` are what stands before each ad, `group` `[B]` says which of them. `weights[b, i]` weighs
    the loss of predicting `ids[b, i]` from `source[b, i]`. `label` `[B, 2]` are the places that
    predict verdict and instruction, `truth` `[B, 2]` what they should say; `unsure` marks ads whose
    verdict has no right answer. `look` says from where to which rule heads should look.
    """

    rules: Rules
    group: Tensor
    ids: Tensor
    weights: Tensor
    positions: Tensor
    mask: Tensor
    source: Tensor
    label: Tensor
    truth: Tensor
    unsure: Tensor
    look: Look


class Batcher:
    """Turns ads into token batches with the prompt that serving uses."""

    def __init__(self, processor: Qwen2VLProcessor) -> None:
        self._processor = processor
        self._tokenizer: PreTrainedTokenizerFast = processor.tokenizer
        self._image = self._tokenizer.convert_tokens_to_ids(IMAGE)
        self._pad = self._tokenizer.pad_token_id
        self.labels = [self._label(label) for label in LABELS]

    def prompt(self, ad: TrainingAd, policy: TrainingPolicy) -> str:
        """Return the chat text of `ad`, with one image token where a picture stands."""
        chat = messages(
            "compact",
            market=ad.market,
            copy=ad.copy,
            has_image=ad.picture is not None,
            rules=policy.rules,
        )
        text: str = self._processor.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return text

    def __call__(
        self, ads: Sequence[TrainingAd], policies: Sequence[TrainingPolicy], group: Sequence[int]
    ) -> TokenBatch:
        prompts = [self.prompt(ad, policies[of]) for ad, of in zip(ads, group, strict=True)]
        starts = [text.index(_AD_STARTS) + len(_AD_STARTS) for text in prompts]
        rows = [
            self._row(ad, policies[of], text[start:])
            for ad, of, text, start in zip(ads, group, prompts, starts, strict=True)
        ]
        heads = {of: text[:start] for of, text, start in zip(group, prompts, starts, strict=True)}
        rules = self._rules([heads.get(number, _AD_STARTS) for number in range(len(policies))])
        length = max(len(row[0]) for row in rows)
        size = (len(rows), length)
        ids = torch.full(size, self._pad)
        weights, segments = torch.zeros(size), torch.full(size, -1)
        positions = torch.zeros(3, *size, dtype=torch.long)
        source = torch.zeros(size, dtype=torch.long)
        for number, (tokens, segment, weight, place) in enumerate(rows):
            n = len(tokens)
            ids[number, :n], weights[number, :n] = torch.tensor(tokens), torch.tensor(weight)
            segments[number, :n] = torch.tensor(segment)
            positions[:, number, :n] = place + rules.lengths[group[number]]
            source[number, :n] = torch.arange(n) - 1
            asked = segment.index(_VERDICT) - 1
            for answer in (_INSTRUCTION, _FULL):
                if answer in segment:
                    source[number, segment.index(answer)] = asked
        same = (segments[:, :, None] == segments[:, None, :]) | (segments[:, None, :] == _PROMPT)
        allowed = same & torch.ones(length, length).tril().bool()
        mask = torch.zeros(len(rows), 1, length, length).masked_fill(~allowed[:, None], -1e4)
        held = [policies[of] for of in group]
        label = torch.tensor([self._label_places(row[1]) for row in rows])
        look = self._look(ads, policies, group, ids, source, label, rules)
        return TokenBatch(
            rules=rules,
            group=torch.tensor(group),
            ids=ids,
            weights=weights,
            positions=positions,
            mask=mask,
            source=source.clamp(min=0),
            label=label,
            truth=torch.tensor(
                [[a.violates(p), a.instruction] for a, p in zip(ads, held, strict=True)]
            ),
            unsure=torch.tensor([not ad.known for ad in ads]),
            look=look,
        )

    def _look(
        self,
        ads: Sequence[TrainingAd],
        policies: Sequence[TrainingPolicy],
        group: Sequence[int],
        ids: Tensor,
        source: Tensor,
        label: Tensor,
        rules: Rules,
    ) -> Look:
        """From where the verdict or a rule's number comes next, to the rule; else to the start."""
        found: list[tuple[int, int, int, int]] = []
        longest = rules.ids.shape[1]
        for row, ad in enumerate(ads):
            if not ad.known:
                continue
            policy = policies[group[row]]
            start = longest - int(rules.lengths[group[row]])
            claims = [claim for _, claim in ad.claims()]
            keys = [start + self._key(policy, claim) for claim in claims] or [start]
            asked = int(source[row, label[row, 0]])
            found += [(row, asked, 0, keys[0]), (row, asked, 1, keys[-1])]
            findings = ad.findings(policy)
            numbers = self._numbers(ids[row].tolist())
            for place, (claim, _) in zip(numbers, findings, strict=True):
                found += [(row, place - 1, head, keys[claim - 1]) for head in (0, 1)]
        table = torch.tensor(found, dtype=torch.long).view(-1, 4)
        bound = [
            (number, longest - int(rules.lengths[number]) + word, longest - length + digit)
            for number, policy in enumerate(policies)
            if (length := int(rules.lengths[number])) > 0 and number in group
            for word, digit in self._bound(policy)
        ]
        ties = torch.tensor(bound, dtype=torch.long).view(-1, 3)
        return Look(*table.unbind(1), *ties.unbind(1))

    def _bound(self, policy: TrainingPolicy) -> list[tuple[int, int]]:
        """Places of each rule's last code token and categories, and that of its number."""
        found: list[tuple[int, int]] = []
        at = len(self._encode(_SYSTEM_STARTS + "Rules:\n"))
        for number, rule in enumerate(policy.rules, 1):
            digit = at + len(self._encode(f"rule {number}")) - 1
            text = f"rule {number} {rule.code}"
            words = [at + len(self._encode(text)) - 1]
            for category in rule.categories:
                words.append(at + len(self._encode(text)))
                text += f" {category}"
            found += [(word, digit) for word in words]
            at += len(self._encode(text + "\n"))
        return found

    def _numbers(self, tokens: list[int]) -> list[int]:
        """Places of the rules' numbers in an answer."""
        marks = self._encode(', "rule": 1')[:-1]
        size = len(marks)
        return [at for at in range(size, len(tokens)) if tokens[at - size : at] == marks]

    def _key(self, policy: TrainingPolicy, claim: Claim) -> int:
        """The token that tells the rule which `claim` breaks: its code, or else the category.

        0, the prompt's first token, where the claim breaks none.
        """
        number = policy.rule_of(claim)
        if number is None:
            return 0
        lines = rules_text("compact", policy.rules).split("\n")
        rule = policy.rules[number - 1]
        words = [*lines[number].split(" ")[:2]]
        if policy.own:
            words += [rule.code, *rule.categories[: rule.categories.index(claim.category)]]
        before = "\n".join([*lines[:number], " ".join(words)])
        return len(self._encode(_SYSTEM_STARTS + before))

    def _label_places(self, segment: list[int]) -> tuple[int, int]:
        prefixes = ((_VERDICT, VERDICT_PREFIX), (_INSTRUCTION, INSTRUCTION_PREFIX))
        verdict, instruction = (
            segment.index(answer) + len(self._encode(prefix)) for answer, prefix in prefixes
        )
        return verdict, instruction

    def _rules(self, heads: Sequence[str]) -> Rules:
        encoded = [self._encode(head) for head in heads]
        lengths = torch.tensor([len(tokens) for tokens in encoded])
        longest = int(lengths.max())
        ids = torch.full((len(encoded), longest), self._pad)
        for number, tokens in enumerate(encoded):
            ids[number, longest - len(tokens) :] = torch.tensor(tokens)
        places = torch.arange(longest) - (longest - lengths)[:, None]
        return Rules(ids, places >= 0, places.clamp(min=0), lengths)

    def _row(
        self, ad: TrainingAd, policy: TrainingPolicy, text: str
    ) -> tuple[list[int], list[int], list[float], Tensor]:
        prompt = self._encode(text)
        positions = torch.arange(len(prompt)).expand(3, -1)
        if ad.picture is not None:
            prompt, positions = self._open_image(prompt)
        start = int(positions.max()) + 1
        findings = ad.findings(policy)
        answers = [
            self._typed(VERDICT_PREFIX, bool(findings)),
            self._typed(INSTRUCTION_PREFIX, ad.instruction),
        ]
        if ad.known:
            claims = [(source, claim.text) for source, claim in ad.claims()]
            answers.append(self._written(full_answer(claims, findings) + EOS))
        tokens, segment = list(prompt), [_PROMPT] * len(prompt)
        weight, places = [0.0] * len(prompt), [positions]
        for number, (ids, weights) in enumerate(answers, _VERDICT):
            tokens, weight = tokens + ids, weight + weights
            segment = segment + [number] * len(ids)
            places.append(start + torch.arange(len(ids)).expand(3, -1))
        return tokens, segment, weight, torch.cat(places, 1)

    def _typed(self, prefix: str, value: bool) -> tuple[list[int], list[float]]:
        """A label's answer: its start is forced in serving, its label has a loss of its own."""
        ids = self._encode(label_answer(prefix, value) + EOS)
        weight = [_TYPED_WEIGHT] * len(ids)
        weight[len(self._encode(prefix))] = 0.0
        return ids, weight

    def _written(self, text: str) -> tuple[list[int], list[float]]:
        """A full answer. What is chosen weighs more than what the form says anyway."""
        ids = self._encode(text)
        weight = [1.0] * len(ids)
        marks = self._encode('", "quote": "')[-3:]
        for place in range(len(marks), len(ids)):
            if ids[place - len(marks) : place] == marks:
                weight[place : place + 2] = [_KEY_WEIGHT] * len(ids[place : place + 2])
        for place in self._numbers(ids):
            weight[place] = NUMBER_WEIGHT
        for place in range(1, len(ids)):
            # Whether there is a finding at all: the token that opens or closes the empty list.
            if self._tokenizer.decode(ids[place - 2 : place]).endswith('findings":'):
                weight[place] = _KEY_WEIGHT
        return ids, weight

    def _open_image(self, prompt: list[int]) -> tuple[list[int], Tensor]:
        at = prompt.index(self._image)
        side = GRID // 2
        tokens = prompt[:at] + [self._image] * IMAGE_TOKENS + prompt[at + 1 :]
        rows = torch.arange(side).repeat_interleave(side)
        columns = torch.arange(side).repeat(side)
        image = at + torch.stack([torch.zeros_like(rows), rows, columns])
        before = torch.arange(at).expand(3, -1)
        after = (at + side + torch.arange(len(prompt) - at - 1)).expand(3, -1)
        return tokens, torch.cat([before, image, after], 1)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _label(self, label: str) -> int:
        found = set()
        for prefix in (VERDICT_PREFIX, INSTRUCTION_PREFIX):
            ids = self._encode(prefix + label)
            if len(ids) != len(self._encode(prefix)) + 1:
                raise ValueError(f"the label {label!r} must be one token after {prefix!r}")
            found.add(ids[-1])
        (only,) = found
        return only
