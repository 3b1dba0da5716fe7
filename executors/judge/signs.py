"""The punctuation of chats and of our own answer: what an ad that speaks to its reviewer may hold.

Looked for in the text with its punctuation, as `readings.plain` gives it, whatever the case.
"""

from __future__ import annotations

import re

_ROLE = (
    r"(?:system|assistant|developer|admin|user|human|reviewer|moderator|judge|ai"
    r"|系统|助手|用户|审核员|管理员|开发者)"
)
_TAG = (
    rf"(?:{_ROLE}|instructions?|prompt|bos|eos|(?:start|end)_of_\w+|think(?:ing)?|tool_\w+|policy"
    r"|override|rules?|verdict|end|inst)"
)
_ORDERS = (
    r"(?:approv|ignor|complian|violat|you are|polic|instruct|overrid|disregard|exempt"
    r"|批准|忽略|合规|违规|通过|规则|放行|豁免|指令)"
)
_KEY = (
    r"(?:is_?|has_?)?(?:violations?|findings?|compliant|verdict|decision|instruction|approved"
    r"|outcome|claims|rationale|rule|breach\w*|违规|合规|结论)"
)
_NO = r"(?:false|null|none|no\b|compliant|pass\b|approved?|ok\b|clean|safe|\[|\{|0|否|无|合规|通过)"
_YES = r"(?:true|yes\b|1\b|是|真)"
_IS = r"\s*(?::|=|=>|->|==)\s*[\"']?\s*"

_EXPRESSIONS = {
    "chat token": (
        r"<\s*\||\|\s*>|\[\s*/?\s*INST\s*\]|<<\s*/?\s*SYS\s*>>",
        rf"[<\[【({{]{{1,3}}\s?/?\s*{_TAG}"
        r"(?:[ _:](?:message|prompt|override|note|notice|instructions?))?\s*/?[>\]】)}]",
        rf"(?:^|[\s>*])#{{2,6}}\s*(?:{_TAG}|response|new|input|task|指令|新规则)",
        rf"(?:^|[\s.!?。,;>\"'*]){_ROLE}\s*(?:\([^()]{{0,20}}\)\s*)?[:>]\s*.{{0,60}}?{_ORDERS}",
        r"\b(?:user|human|用户)\s*:.{0,200}?(?:assistant|ai|bot|助手)\s*:",
        r"\brole[\"']?\s*[:=]\s*[\"']?(?:system|assistant|user|developer|tool)",
        r"---\s?(?:end|begin|start|new|system|结束|开始)\b.{0,40}---",
        r"<!--.{0,80}?(?:approv|ignor|complian|violat|polic|review|合规|审核|忽略|通过)",
        r">>>\s?(?:system|assistant|end of|ignore|does this|answer|market:|now)",
        r"\bmarket:\s*\w+\s*copy:",
    ),
    "answer look-alike": (
        rf"[\"'`]{_KEY}[\"'`]{_IS}(?:{_NO}|{_YES})",
        rf"\b(?:is_?|has_?)?(?:violations?|findings?|instruction|verdict|breach\w*){_IS}{_NO}",
        rf"\b(?:is_)?(?:compliant|approved?){_IS}{_YES}",
        rf"\{{\s*[\"'`]?{_KEY}[\"'`]?\s*[:=]|<\s*/?{_KEY}\s*>",
        r"```\s*(?:json|yaml|xml)?\s*[\{\[<]",
        r"(?:\bp|probability)\s*\(?\s*(?:of\s*)?(?:an?\s*)?violation\s*\)?\s*(?:=|:|is|of|<)+\s*0",
        rf"(?:违规|违法|合规|结论|判定){_IS}(?:false|true|否|无|合规|通过|不违规|是)(?![\w一-鿿])",
    ),
}

SIGNS = {
    family: tuple(re.compile(expression, re.IGNORECASE) for expression in expressions)
    for family, expressions in _EXPRESSIONS.items()
}
"""Expressions by family of instructions."""
