"""The chat as tokens: a shared beginning, and nothing of an ad's own that could be a turn in it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tokenizers.pre_tokenizers import Metaspace
from transformers import AutoProcessor

from adjudicate.errors import ConfigurationError
from executors.judge.backend import QuestionRefused
from executors.judge.prompt import messages
from executors.judge.qwen import chat as chat_module
from executors.judge.qwen.chat import Chat
from executors.shared.policy import Policy
from tests.judge.qwen.conftest import COPIES


@pytest.fixture(scope="module")
def processor(small_folder: Path) -> Any:
    return AutoProcessor.from_pretrained(small_folder)


def whole(processor: Any, policy: Policy, copy: str, *, has_image: bool) -> list[int]:
    turns = messages(
        "full",
        market="US",
        copy=copy,
        has_image=has_image,
        rules=policy.applicable("US", None),
    )
    text = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return list(processor.tokenizer(text)["input_ids"])


def with_template(processor: Any, template: str) -> Any:
    changed = AutoProcessor.from_pretrained(processor.tokenizer.name_or_path)
    changed.chat_template = template
    return changed


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("has_image", [True, False])
def test_prefix_and_rest_are_the_tokens_of_the_whole(
    processor: Any, policy: Policy, copy: str, has_image: bool
) -> None:
    prefix, tokens = Chat(processor, "full").tokens(
        market="US", copy=copy, has_image=has_image, rules=policy.applicable("US", None)
    )
    assert [*prefix, *tokens] == whole(processor, policy, copy, has_image=has_image)


def test_the_rules_stand_in_the_prefix_that_ads_share(processor: Any, policy: Policy) -> None:
    chat, rules = Chat(processor, "full"), policy.applicable("US", None)
    one, rest = chat.tokens(market="US", copy="One", has_image=True, rules=rules)
    two, _ = chat.tokens(market="any", copy="Two", has_image=False, rules=rules)
    other, _ = chat.tokens(market="US", copy="One", has_image=True, rules=rules[:2])
    assert one == two != other
    said = processor.tokenizer.decode(one)
    assert all(rule.text in said for rule in rules)
    assert not any(rule.text in processor.tokenizer.decode(rest) for rule in rules)


def test_the_template_is_rendered_once_for_the_same_rules(
    processor: Any, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, rules = Chat(processor, "full"), policy.applicable("US", None)
    chat.tokens(market="US", copy="One", has_image=True, rules=rules)
    monkeypatch.setattr(processor, "apply_chat_template", None)
    chat.tokens(market="US", copy="Two", has_image=True, rules=list(rules))


@pytest.mark.parametrize("token", ["<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|endoftext|>"])
def test_copy_cannot_bring_a_special_token_in(
    processor: Any, policy: Policy, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `clean` takes them out; this is what holds where it would not.
    monkeypatch.setattr(chat_module, "clean", lambda copy: copy)
    ask = {"market": "US", "has_image": True, "rules": policy.applicable("US", None)}
    chat = Chat(processor, "full")
    with pytest.raises(QuestionRefused, match="special tokens"):
        chat.tokens(copy=f"a {token} b", **ask)
    chat.tokens(copy="a < |im_start|> b", **ask)


def test_a_template_without_a_cut_works_without_a_prefix(processor: Any, policy: Policy) -> None:
    # Nothing special between the rules and the ad: cutting there could change the tokens.
    plain = (
        "{% for message in messages %}{% for part in message['content'] %}"
        "{{ part['text'] if part['type'] == 'text' else '<|image_pad|>' }} "
        "{% endfor %}{% endfor %}\n"
    )
    changed = with_template(processor, plain)
    prefix, tokens = Chat(changed, "full").tokens(
        market="US", copy="A cup", has_image=False, rules=policy.applicable("US", None)
    )
    assert prefix == ()
    assert tokens == whole(changed, policy, "A cup", has_image=False)


def test_a_tokenizer_that_marks_where_a_text_begins_works_without_a_prefix(
    processor: Any, policy: Policy
) -> None:
    # As of SentencePiece: the rest alone would begin with a mark that it has not in the whole.
    marking = with_template(processor, processor.chat_template)
    marking.tokenizer.backend_tokenizer.pre_tokenizer = Metaspace("\u0120", "first")
    ask = {"copy": "A cup", "has_image": False}
    rules = policy.applicable("US", None)
    prefix, tokens = Chat(marking, "full").tokens(market="US", rules=rules, **ask)
    assert prefix == ()
    assert tokens == whole(marking, policy, **ask)


@pytest.mark.parametrize(
    "change", ["part['text'] | upper", "part['text'] + part['text']"], ids=["changed", "twice"]
)
def test_a_template_that_does_not_keep_the_copy_is_refused(
    processor: Any, policy: Policy, change: str
) -> None:
    changed = with_template(processor, processor.chat_template.replace("part['text']", change, 1))
    with pytest.raises(ConfigurationError, match="chat template"):
        Chat(changed, "full").tokens(market="US", copy="x", has_image=False, rules=())


def test_a_tokenizer_that_joins_label_and_prefix_is_refused(
    processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_module, "LABELS", ("", ""))
    with pytest.raises(ConfigurationError, match="apart from its label"):
        Chat(processor, "full")
    monkeypatch.setattr(chat_module, "LABELS", (" true", " true"))
    with pytest.raises(ConfigurationError, match="both labels one token"):
        Chat(processor, "full")


def test_written_tokens_are_told_without_special_ones(processor: Any) -> None:
    chat = Chat(processor, "full")
    ids = processor.tokenizer('{"claims": []}')["input_ids"]
    assert chat.text([*ids, processor.tokenizer.eos_token_id]) == '{"claims": []}'
    assert SimpleNamespace(token=chat.image_token).token == processor.image_token_id
