"""Policy files as YAML: what stands in them, on which line, and what is wrong with their syntax."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MAX_FILE_BYTES = 1_000_000

_HINTS = (
    ("character '\\t'", "a tab stands where only spaces may: indent with spaces"),
    ("special characters", "a control character stands in it: remove it"),
    ("quoted scalar", "a quote is opened here and not closed"),
    ("flow sequence", "a [ is opened here and not closed, or text in it needs quotes"),
    ("flow mapping", "a { is opened here and not closed, or text in it needs quotes"),
    (
        "mapping values",
        "text with a colon needs quotes, or the indentation is wrong",
    ),
    ("expected ':'", "a key without its colon, or text that needs quotes"),
    ("expected <block end>", "the indentation does not fit the lines above"),
    ("expected alphabetic", "text that begins with * or & needs quotes"),
    ("undefined alias", "text that begins with * needs quotes"),
    ("single document", "a file holds one document: take out the `---` in its middle"),
)
"""By what PyYAML says of the problem, what a person should look for."""


@dataclass(frozen=True)
class Fault:
    """Something wrong, or worth a look, in a policy folder."""

    message: str
    file: str = ""
    line: int | None = None
    """From 1."""
    rule: str = ""
    """The rule's code, or `number 3` where it has none."""
    field: str = ""
    """Its path in the rule, such as `examples.0.language`."""

    def sentence(self) -> str:
        """In one sentence: `us.yaml, line 3, rule X, severity: …`."""
        places = (self.file, f"line {self.line}" if self.line else "", self._place())
        where = ", ".join(place for place in places if place)
        return f"{where}: {self.message}." if where else f"{self.message}."

    def line_of_report(self, kind: str = "") -> str:
        """As compilers write it: `us.yaml:3: rule X, severity: …`."""
        parts = (f"{self.file}:{self.line}" if self.line else self.file, kind, self._place())
        return ": ".join([*(part for part in parts if part), self.message])

    def _place(self) -> str:
        return ", ".join(part for part in (self.rule and f"rule {self.rule}", self.field) if part)


class FaultyFile(Exception):
    """A file in which no rule can be found, with why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.message)


@dataclass(frozen=True)
class RuleSource:
    """One rule as it stands in its file."""

    file: str
    place: int
    """From 1, in the file."""
    data: Any
    node: yaml.Node
    doubled: tuple[tuple[str, int], ...]
    """Keys that stand twice in one mapping, with the line of the second."""

    @property
    def name(self) -> str:
        """Its code, or its place where it has none."""
        code = self.data.get("code") if isinstance(self.data, dict) else None
        return code.strip() if isinstance(code, str) and code.strip() else f"number {self.place}"

    def fault(self, message: str, path: Sequence[str | int] = ()) -> Fault:
        """A fault at this path of the rule."""
        field = ".".join(map(str, path))
        return Fault(message, self.file, self.line(path), self.name, field)

    def line(self, path: Sequence[str | int]) -> int:
        """Where the value at this path begins; where its nearest parent does if it is missing."""
        return self._nodes(path)[-1].start_mark.line + 1

    def written(self, path: Sequence[str | int]) -> str:
        """The value at this path as it is written, such as `NO` for what YAML takes as false."""
        nodes = self._nodes(path)
        scalar = len(nodes) == len(path) + 1 and isinstance(nodes[-1], yaml.ScalarNode)
        return nodes[-1].value if scalar else ""

    def _nodes(self, path: Sequence[str | int]) -> list[yaml.Node]:
        nodes = [self.node]
        for part in path:
            inner = _inside(nodes[-1], part)
            if inner is None:
                break
            nodes.append(inner)
        return nodes


def read_rules(path: Path) -> list[RuleSource]:
    """The rules of one file, as they stand there. Raises `FaultyFile` when none can be found."""
    text = _text(path)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        top = [*_doubled(node)]
        rules = _inside(node, "rules")
        # Before the construction, which merges what `<<` names into its mapping.
        doubled = [[*_doubled(rule), *_doubled(_inside(rule, "text"))] for rule in _items(rules)]
        content = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise FaultyFile(_syntax(path.name, text, error)) from None
    except RecursionError:
        raise FaultyFile(Fault("lists stand in lists too deeply", path.name)) from None
    except (ValueError, OverflowError) as error:  # a date such as 2025-13-40
        raise FaultyFile(Fault(f"a value cannot be read: {error}", path.name)) from None
    if not isinstance(content, dict) or set(content) != {"rules"} or top:
        said = "must hold one key, `rules`, once, and nothing else"
        raise FaultyFile(Fault(said, path.name, top[0][1] if top else 1))
    if not isinstance(content["rules"], list):
        line = 1 if rules is None else rules.start_mark.line + 1
        raise FaultyFile(Fault("must be a list", path.name, line, field="rules"))
    found = zip(content["rules"], _items(rules), doubled, strict=True)
    return [
        RuleSource(path.name, place, data, rule, tuple(twice))
        for place, (data, rule, twice) in enumerate(found, start=1)
    ]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FaultyFile(Fault(f"has more than {MAX_FILE_BYTES:,} bytes", path.name))
        data = path.read_bytes()
    except OSError as error:
        raise FaultyFile(Fault(f"cannot be read: {error.strerror}", path.name)) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        said = f"is not UTF-8 (byte 0x{data[error.start]:02x}): save the file as UTF-8"
        raise FaultyFile(Fault(said, path.name, line)) from None


def _syntax(file: str, text: str, error: yaml.YAMLError) -> Fault:
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context = str(getattr(error, "context", None) or "")
    hint = next((hint for part, hint in _HINTS if part in f"{problem} {context}"), problem)
    mark = getattr(error, "problem_mark", None)
    if hint.startswith("a ") and "opened here" in hint:
        mark = getattr(error, "context_mark", None) or mark
    if mark is not None:
        line = mark.line + 1
    else:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
    return Fault(f"is not valid YAML: {hint}", file, line)


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _inside(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        found = [value for key, value in node.value if key.value == part]
        return found[-1] if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        inner: yaml.Node = node.value[part]
        return inner
    return None


def _doubled(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
