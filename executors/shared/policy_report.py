"""Everything that is wrong with a policy folder, for people who write rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from adjudicate.errors import ConfigurationError
from executors.shared.policy_warnings import gaps_of, warnings_of
from executors.shared.policy_yaml import Fault, FaultyFile, RuleSource, read_rules
from executors.shared.rule import Example, Rule, RuleWording

_EXPECTED = {
    "code": "capitals, digits, dots and dashes, such as HOUSE-1",
    "law": "the law or policy that the rule comes from",
    "article": "its place in the law",
    "markets": "a list of CN, US, EU",
    "products": "a list of drug, device, food",
    "categories": "a list of words in small letters, such as [superlative, weight-loss]",
    "severity": "low, medium or high",
    "enabled": "true or false",
    "text": "the rule in words, in `en` and in `zh`",
    "text.en": "the rule in English",
    "text.zh": "the rule in Chinese",
    "examples": "a list of claims, each as {text: …, language: en or zh}",
    "examples.text": "a claim that breaks the rule",
    "examples.language": "en or zh",
    "terms": "a list of words",
}
_MEANT = {
    "china": "CN",
    "america": "US",
    "europe": "EU",
    "medicine": "drug",
    "supplement": "food",
    "critical": "high",
    "english": "en",
    "chinese": "zh",
}
"""What people write for a known word, spelled too differently to be guessed."""


@dataclass(frozen=True)
class Report:
    """What a policy folder holds, and what is wrong with it."""

    files: tuple[str, ...]
    rules: tuple[Rule, ...]
    """The sound ones, in the order of files and rules."""
    problems: tuple[Fault, ...]
    """The policy cannot be used with any of these."""
    warnings: tuple[Fault, ...]
    """These are allowed, and seldom meant."""


def check_folder(folder: Path) -> Report:
    """Read every `*.yaml` file of the folder; files whose name begins with a dot do not count.

    Raises `ConfigurationError` when the folder does not exist or cannot be listed.
    """
    paths = policy_files(folder)
    problems: list[Fault] = []
    sources: list[RuleSource] = []
    for path in paths:
        try:
            sources += read_rules(path)
        except FaultyFile as error:
            problems.append(error.fault)
    sound: list[tuple[RuleSource, Rule]] = []
    for source in sources:
        rule, faults = _checked(source)
        problems += faults
        if rule is not None:
            sound.append((source, rule))
    problems += _repeated_codes(sources)
    enabled = [rule for _, rule in sound if rule.enabled]
    if not sources and not problems:
        problems.append(Fault(f"The policy folder {folder} has no rule in any *.yaml file"))
    elif not problems and not enabled:
        problems.append(Fault(f"The policy folder {folder} has no rule that is enabled"))
    warnings = [*warnings_of(folder, sound), *([] if problems else gaps_of(enabled))]
    places = {path.name: place for place, path in enumerate(paths)}
    problems.sort(key=lambda fault: (places.get(fault.file, -1), fault.line or 0))
    return Report(
        files=tuple(path.name for path in paths),
        rules=tuple(rule for _, rule in sound),
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def policy_files(folder: Path) -> list[Path]:
    """The folder's policy files in their order. Raises `ConfigurationError` as `check_folder`."""
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".yaml"]
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigurationError(
            f"The policy folder {folder} does not exist: set ADJUDICATE_POLICIES to one that does."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The policy folder {folder} cannot be read: {error.strerror}."
        ) from None
    # Editors keep locks and copies under names that begin with a dot.
    return sorted(path for path in found if not path.name.startswith("."))


def _checked(source: RuleSource) -> tuple[Rule | None, list[Fault]]:
    faults = [
        Fault("stands twice in one mapping", source.file, line, source.name, key)
        for key, line in source.doubled
    ]
    faults += _repeated(source)
    try:
        rule = Rule.model_validate(source.data)
    except ValidationError as error:
        return None, [*faults, *_wrong(source, error)]
    return (None if faults else rule), faults


def _wrong(source: RuleSource, error: ValidationError) -> Iterator[Fault]:
    for one in error.errors():
        # A list all of whose words are wrong counts as empty as well.
        if not (one["type"] == "too_short" and one["input"]):
            yield source.fault(_said(source, one), one["loc"])


def _repeated(source: RuleSource) -> Iterator[Fault]:
    """Words that stand twice in one list of a rule."""
    for name in ("markets", "products", "categories", "examples", "terms"):
        words = source.data.get(name) if isinstance(source.data, dict) else None
        seen: dict[str, int] = {}
        for place, item in enumerate(words if isinstance(words, list) else ()):
            word = item.get("text") if isinstance(item, dict) else item
            if not isinstance(word, str):
                continue
            first = seen.setdefault(word.strip().casefold(), place)
            if first != place:
                line = source.line((name, first))
                yield source.fault(f"{word!r} stands in line {line} already", (name, place))


def _repeated_codes(sources: Iterable[RuleSource]) -> Iterator[Fault]:
    seen: dict[str, RuleSource] = {}
    for source in sources:
        if source.name.startswith("number "):
            continue
        first = seen.setdefault(source.name, source)
        if first is not source:
            where = f"{first.file}, line {first.line(('code',))}"
            yield source.fault(f"already stands in {where}; a code is used once", ("code",))


def _said(source: RuleSource, error: Any) -> str:
    """What is wrong by pydantic, in words for people who write YAML."""
    kind, given, path = error["type"], error["input"], error["loc"]
    context = error.get("ctx", {})
    expected = _EXPECTED.get(".".join(p for p in path if isinstance(p, str)), "")
    should = f"write {expected}" if expected else "write text"
    if kind == "missing":
        return f"is missing: {should}"
    if kind == "extra_forbidden":
        fields = _fields(path)
        return f"is not a field{_guess(str(path[-1]), fields)}; known: {', '.join(fields)}"
    if kind == "literal_error":
        known = _quoted(context.get("expected", ""))
        shown = source.written(path) or "this"
        return f"{shown} is not known{_guess(shown, known)}; known: {', '.join(known)}"
    if given is None or kind in ("too_short", "string_too_short"):
        return f"is empty: {should}"
    if kind == "string_too_long":
        return f"has {len(given)} characters, and may have {context['max_length']}"
    if kind == "string_pattern_mismatch":
        return f"{given!r} cannot be used: {should}"
    if kind == "string_type" and not isinstance(given, list | dict):
        written = source.written(path)
        return f'YAML takes {written} for no text: put it in quotes, "{written}"'
    if kind == "value_error":
        return f"{given!r} {context['error']}"
    if not path:
        return "must be a mapping with the fields of a rule, not text or a list"
    return f"has the wrong form: {should}"


def _fields(path: Sequence[str | int]) -> list[str]:
    """The fields known where the path ends."""
    parts: dict[str, type[BaseModel]] = {"text": RuleWording, "examples": Example}
    part = parts.get(str(path[0]), Rule)
    return [field.alias or name for name, field in part.model_fields.items()]


def _guess(given: str, known: Sequence[str]) -> str:
    """`: did you mean …?` where something known is near."""
    spelled = {word.casefold(): word for word in known}
    folded = given.strip().casefold()
    near = get_close_matches(folded, spelled, n=1, cutoff=0.6)
    meant = spelled[near[0]] if near else _MEANT.get(folded, "")
    return f": did you mean {meant}?" if meant in known else ""


def _quoted(expected: str) -> list[str]:
    """The words of pydantic's `'a', 'b' or 'c'`."""
    return expected.split("'")[1::2]
