"""What people are told of a wrong policy: every problem, its place, and what would be right."""

from pathlib import Path

import pytest

from executors.shared.policy_report import Report, check_folder

RULE = """\
rules:
  - code: HOUSE-1
    law: House rules
    article: "1"
    markets: [CN, US]
    products: [food]
    severity: high
    text:
      en: No superlatives.
      zh: 不得使用绝对化用语。
    examples:
      - {text: The best tea, language: en}
    terms: [best tea]
"""


def check(folder: Path, content: str | bytes, name: str = "a.yaml") -> Report:
    data = content.encode() if isinstance(content, str) else content
    folder.joinpath(name).write_bytes(data)
    return check_folder(folder)


def problems(folder: Path, content: str | bytes) -> list[str]:
    return [problem.line_of_report() for problem in check(folder, content).problems]


def test_a_sound_file_has_no_problem(tmp_path: Path) -> None:
    report = check(tmp_path, RULE)
    assert report.problems == ()
    assert [rule.code for rule in report.rules] == ["HOUSE-1"]
    assert report.files == ("a.yaml",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("code: HOUSE-1", "code: house-1", "2: rule house-1, code: 'house-1' cannot be used"),
        ("law: House rules", "law:", "3: rule HOUSE-1, law: is empty: write the law"),
        ("law: House rules", "law: NO", '3: rule HOUSE-1, law: YAML takes NO for no text: put it'),
        ("    law: House rules\n", "", "2: rule HOUSE-1, law: is missing: write the law"),
        ('article: "1"', "article: 2022", 'article: YAML takes 2022 for no text: put it in quotes'),
        ("[CN, US]", "[CN, USA]", "5: rule HOUSE-1, markets.1: USA is not known: did you mean US?"),
        ("[CN, US]", "[CN, Mars]", "markets.1: Mars is not known; known: CN, US, EU"),
        ("[CN, US]", "[]", "5: rule HOUSE-1, markets: is empty: write a list of CN, US, EU"),
        ("[CN, US]", "[CN, US, CN]", "5: rule HOUSE-1, markets.2: 'CN' stands in line 5 already"),
        ("[food]", "food", "6: rule HOUSE-1, products: has the wrong form: write a list of drug"),
        ("[food]", "[foods]", "products.0: foods is not known: did you mean food?"),
        ("[food]", "[medicine]", "products.0: medicine is not known: did you mean drug?"),
        ("severity: high", "severity: hi", "7: rule HOUSE-1, severity: hi is not known: did you"),
        ("severity: high", "severty: high", "severty: is not a field: did you mean severity?"),
        ("severity: high", "severity: high\n    enabled: 3", "enabled: has the wrong form: write"),
        ("en: No superlatives.", 'en: " "', "9: rule HOUSE-1, text.en: is empty: write the rule"),
        ("      zh: 不得使用绝对化用语。\n", "", "9: rule HOUSE-1, text.zh: is missing: write the"),
        ("en: No", "fr: No", "9: rule HOUSE-1, text.fr: is not a field; known: en, zh"),
        ("en: No superlatives.", f"en: {'x' * 2001}", "text.en: has 2001 characters, and may"),
        ("language: en", "language: fr", "12: rule HOUSE-1, examples.0.language: fr is not known"),
        ("language: en", "languag: en", "examples.0.languag: is not a field: did you mean"),
        ("terms: [best tea]", "terms: [a b, A B]", "13: rule HOUSE-1, terms.1: 'A B' stands in"),
        ("terms: [best tea]", 'terms: ["!!"]', "terms.0: '!!' has neither letters nor digits"),
        ("terms: [best tea]", "terms: [[a]]", "terms.0: has the wrong form"),
        ("severity: high", "severity: high\n    law: x", "8: rule HOUSE-1, law: stands twice in"),
        ("en: No", "zh: 有\n      en: No", "11: rule HOUSE-1, zh: stands twice in one mapping"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_told_with_its_line_and_what_would_be_right(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in RULE
    told = problems(tmp_path, RULE.replace(old, new, 1))
    assert [problem for problem in told if said in problem]
    assert all(problem.startswith("a.yaml:") for problem in told)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("rules:\n  - code: X\n\t  law: y\n", "a.yaml:3: is not valid YAML: a tab stands where"),
        ("rules:\n  - code: X\n   law: a\n", "a.yaml:3: is not valid YAML: the indentation does"),
        ('rules:\n  - code: "X\n    law: a\n', "a.yaml:2: is not valid YAML: a quote is opened"),
        ("rules:\n  - terms: [a, b\n    x: y\n", "a.yaml:2: is not valid YAML: a [ is opened here"),
        ("rules:\n  - law: a: b\n", "a.yaml:2: is not valid YAML: text with a colon needs quotes"),
        ("rules:\n  - terms: [*b]\n", "a.yaml:2: is not valid YAML: text that begins with *"),
        ("rules:\n  - law: a\x01\n", "a.yaml:2: is not valid YAML: a control character"),
        ("rules: []\n---\nrules: []\n", "a.yaml:2: is not valid YAML: a file holds one document"),
        ("rules: " + "[" * 5_000, "a.yaml: lists stand in lists too deeply"),
        ("- just\n- a list\n", "a.yaml:1: must hold one key, `rules`, once, and nothing else"),
        ("rules: []\nrules: []\n", "a.yaml:2: must hold one key, `rules`, once"),
        ("", "a.yaml:1: must hold one key, `rules`, once, and nothing else"),
        ("\n\nrules: {a: b}\n", "a.yaml:3: rules: must be a list"),
        ("rules:\n  - text\n", "a.yaml:2: rule number 1: must be a mapping with the fields"),
        (b"rules:\n  - law: \xb9\xfa\n", "a.yaml:2: is not UTF-8 (byte 0xb9): save the file"),
    ],
)
def test_a_file_that_is_not_a_policy_is_told_with_its_line(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    (problem,) = problems(tmp_path, content)
    assert problem.startswith(said)


def test_a_byte_order_mark_and_windows_lines_are_harmless(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + RULE.replace("\n", "\r\n").encode()
    assert check(tmp_path, content).problems == ()


def test_aliases_may_be_used_and_an_avalanche_of_them_is_no_danger(tmp_path: Path) -> None:
    shared = RULE.replace("[CN, US]", "&where [CN, US]")
    shared += RULE.split("\n", 1)[1].replace("HOUSE-1", "HOUSE-2").replace("[CN, US]", "*where")
    assert check(tmp_path, shared).problems == ()
    bomb = "".join(f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    told = problems(tmp_path, f"rules:\n  - a0: &a0 [x]\n{bomb}    severity: *a29\n")
    assert any("severity: this is not known" in problem for problem in told)


def test_every_problem_of_every_file_is_told_in_their_order(tmp_path: Path) -> None:
    second = RULE.replace("HOUSE-1", "HOUSE-2").replace("[food]", "[toy]").replace("high", "top")
    check(tmp_path, RULE.replace("[CN, US]", "[MOON]"), "a.yaml")
    check(tmp_path, "rules: [", "b.yaml")
    report = check(tmp_path, second + RULE.split("\n", 1)[1], "c.yaml")
    told = [(fault.file, fault.rule, fault.field) for fault in report.problems]
    assert told == [
        ("a.yaml", "HOUSE-1", "markets.0"),
        ("b.yaml", "", ""),
        ("c.yaml", "HOUSE-2", "products.0"),
        ("c.yaml", "HOUSE-2", "severity"),
        ("c.yaml", "HOUSE-1", "code"),
    ]
    assert "already stands in a.yaml, line 2" in report.problems[-1].message


def test_a_folder_as_a_file_and_one_without_rights_are_problems(tmp_path: Path) -> None:
    tmp_path.joinpath("a.yaml").mkdir()
    tmp_path.joinpath("b.yaml").symlink_to("gone")
    told = [problem.line_of_report() for problem in check_folder(tmp_path).problems]
    assert told == [
        "a.yaml: cannot be read: Is a directory",
        "b.yaml: cannot be read: No such file or directory",
    ]


def test_a_file_too_large_for_a_policy_is_refused_unread(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "#" * 1_000_001)
    assert "has more than 1,000,000 bytes" in problem


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("terms: [best tea]", "terms: [ab]", "13: warning: rule HOUSE-1, terms.0: 'ab' has fewer"),
        ("terms: [best tea]", "terms: [治]", "13: warning: rule HOUSE-1, terms.0: '治' has fewer"),
        ("    terms: [best tea]\n", "", "2: warning: rule HOUSE-1, terms: has none"),
        ("language: en", "language: zh", "12: warning: rule HOUSE-1, examples.0: 'The best tea'"),
        ("severity", "categories: [superlatives]\n    severity", "did you mean superlative?"),
    ],
)
def test_what_is_seldom_meant_is_a_warning(
    tmp_path: Path, old: str, new: str, said: str
) -> None:  # fmt: skip
    everywhere = RULE.replace("[CN, US]", "[CN, US, EU]").replace("[food]", "[drug, device, food]")
    report = check(tmp_path, everywhere.replace(old, new, 1))
    assert report.problems == ()
    (warning,) = report.warnings
    assert said in warning.line_of_report("warning")


def test_ads_that_no_rule_is_for_and_files_that_are_not_read_are_warnings(tmp_path: Path) -> None:
    tmp_path.joinpath("old.yml").write_text("rules: []", encoding="utf-8")
    off = RULE.split("\n", 1)[1].replace("HOUSE-1", "HOUSE-2").replace("[food]", "[drug]")
    report = check(tmp_path, RULE + off + "    enabled: false\n")
    unread, gaps = (warning.line_of_report("warning") for warning in report.warnings)
    assert unread == "old.yml: warning: is not read: the names of policy files end in .yaml"
    assert gaps.startswith("warning: no enabled rule is for ads of CN drug, CN device, US drug")
    assert "EU food" in gaps
    assert "US food" not in gaps
