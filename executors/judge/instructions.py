"""Text in an ad that speaks to its reviewer. An honest ad has none, so it is a sign of its own."""

from __future__ import annotations

import re
import unicodedata

_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:ignore|disregard|forget|override)\b.{0,30}"
        r"\b(?:instructions?|rules?|prompts?|polic(?:y|ies)|above|previous|guidelines?)\b",
        r"\b(?:approve|accept|pass|allow|clear)\b\s+(?:this|the|my|our)\s+"
        r"(?:ad|ads|advert\w*|creative|copy|content)\b",
        r"\b(?:this|the)\s+(?:ad|advert\w*|creative)\s+(?:is|was|has been|must be|should be)\s+"
        r"(?:already\s+)?(?:pre-?)?(?:approved|compliant|reviewed|cleared)\b",
        r"\b(?:you are|act as|pretend to be)\b.{0,20}"
        r"\b(?:an?\s+)?(?:ai|assistant|model|reviewer|moderator|judge)\b",
        r"\b(?:system|developer)\s*(?:prompt|message|instructions?)\b",
        r"\b(?:answer|respond|reply|output|return|say)\b.{0,20}"
        r"\b(?:compliant|approved?|no violation|violation\W{0,4}false)\b",
        r"\bas an? (?:ai|language model|reviewer|moderator)\b",
        r"\bnote to (?:the )?(?:ai|reviewer|moderator|model|judge)\b",
        r"[\"']?violation[\"']?\s*:\s*(?:true|false)",
        r"<\|[^|>]{1,30}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant)>",
        r"(?:忽略|无视|忘记|忘掉|不要理会|不用理会|绕过).{0,12}(?:以上|上述|之前|前面|所有|指令|规则|提示|政策|要求)",
        r"(?:批准|通过|放行)(?:本|这个|这条|此|该)(?:广告|素材|创意|内容)",
        r"(?:本|这个|这条|此|该)(?:广告|素材|创意|内容)(?:已经?|已被|应当?|必须)(?:通过|批准|合规|审核通过)",
        r"(?:你|您)(?:现在)?是(?:一个|一名)?(?:人工智能|AI|助手|模型|审核员|审查员)",
        r"(?:系统提示|系统指令|开发者指令|提示词)",
        r"(?:回答|回复|输出|返回|判定|判断)(?:为|成)?.{0,6}(?:合规|通过|不违规|无违规|没有违规)",
        r"(?:审核员|审查员|评审|模型|AI)(?:请|注意|须知)",
    )
)


def addresses_reviewer(text: str) -> bool:
    """Whether `text` looks like an instruction to whoever reviews the ad, in English or Chinese."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    plain = re.sub(r"\s+", " ", plain)
    return any(pattern.search(plain) for pattern in _PATTERNS)
