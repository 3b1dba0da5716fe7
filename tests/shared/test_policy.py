"""The policy: what the shipped files hold, whom a rule applies to, what a wrong file is told."""

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from adjudicate.documents import MARKETS, PRODUCTS
from adjudicate.errors import ConfigurationError
from executors.shared.policy import Market, Policy, Product, Rule, load_policy
from executors.shared.settings import ROOT

RULE: dict[str, Any] = {
    "code": "CN-1",
    "law": "A law",
    "article": "art. 1",
    "markets": ["CN"],
    "products": ["food"],
    "severity": "high",
    "text": {"en": "No cures.", "zh": "不得宣称治愈。"},
    "examples": [{"text": "治愈", "language": "zh"}],
    "terms": ["治愈"],
}


def rule(**changes: Any) -> dict[str, Any]:
    return {**RULE, **changes}


def write(folder: Path, name: str, rules: list[Any]) -> None:
    folder.joinpath(name).write_text(yaml.safe_dump({"rules": rules}, allow_unicode=True), "utf-8")


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return load_policy(ROOT / "policies")


def test_the_vocabulary_is_that_of_the_documents() -> None:
    assert get_args(Market) == MARKETS
    assert get_args(Product) == PRODUCTS


def test_every_shipped_rule_is_complete(shipped: Policy) -> None:
    assert len(shipped.rules) == 21
    for shipped_rule in shipped.rules.values():
        assert shipped_rule.examples, shipped_rule.code
        assert shipped_rule.terms, shipped_rule.code


def test_platform_rules_hold_in_every_market(shipped: Policy) -> None:
    for code in ("META-HW", "TT-WL", "GOOG-US"):
        assert set(shipped.rules[code].markets) == set(MARKETS)


def test_a_market_and_a_product_narrow_the_rules(shipped: Policy) -> None:
    codes = {rule.code for rule in shipped.applicable("EU", "device")}
    assert codes == {"EU-MDR-7", "META-HW", "TT-WL"}


def test_what_is_not_known_of_an_ad_holds_it_to_every_rule(shipped: Policy) -> None:
    assert len(shipped.applicable(None, None)) == len(shipped.rules)
    assert set(shipped.applicable("US", None)) == {
        rule for rule in shipped.rules.values() if "US" in rule.markets
    }


def test_a_rule_speaks_both_languages_and_english_to_everyone_else() -> None:
    parsed = Rule.model_validate(RULE)
    assert parsed.text == parsed.text_in("en") == parsed.text_in(None) == "No cures."
    assert parsed.text_in("zh") == "不得宣称治愈。"


def test_the_version_follows_the_content_and_not_its_layout(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for folder in (one, two, three):
        folder.mkdir()
    write(one, "a.yaml", [rule(), rule(code="CN-2")])
    write(two, "x.yaml", [rule(code="CN-2")])
    write(two, "y.yaml", [rule()])
    write(three, "a.yaml", [rule(), rule(code="CN-2", severity="low")])
    assert load_policy(one).version == load_policy(two).version
    assert load_policy(one).version != load_policy(three).version


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"markets": ["CN", "MARS"]}, "markets.1"),
        ({"markets": []}, "markets"),
        ({"products": ["toy"]}, "products.0"),
        ({"severity": "grave"}, "severity"),
        ({"text": {"en": "Only English."}}, "text.zh"),
        ({"text": {"en": " ", "zh": "有"}}, "text.en"),
        ({"examples": [{"text": "x", "language": "fr"}]}, "examples.0.language"),
        ({"colour": "red"}, "colour"),
        ({"law": None}, "law"),
    ],
)
def test_a_wrong_field_is_named_with_its_file_and_rule(
    tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    write(tmp_path, "cn.yaml", [rule(code="CN-0"), rule(**changes)])
    with pytest.raises(ConfigurationError) as refused:
        load_policy(tmp_path)
    assert str(refused.value).startswith(f"cn.yaml, rule CN-1, {field}: ")


def test_a_rule_without_a_code_is_named_by_its_place(tmp_path: Path) -> None:
    broken = {name: value for name, value in RULE.items() if name != "code"}
    write(tmp_path, "cn.yaml", [rule(), broken])
    with pytest.raises(ConfigurationError, match=r"cn.yaml, rule number 2, code: "):
        load_policy(tmp_path)


def test_a_code_is_used_once_over_all_files(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", [rule()])
    write(tmp_path, "b.yaml", [rule()])
    with pytest.raises(ConfigurationError, match=r"b.yaml, rule CN-1, code: already .* a.yaml"):
        load_policy(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("rules: [unclosed", "a.yaml, line 1 is not valid YAML"),
        ("- just\n- a list\n", "a.yaml must hold one key, `rules`"),
        ("rules: {a: b}\n", "a.yaml, rules: must be a list"),
        ("rules: [text]\n", "a.yaml, rule number 1, the rule itself: "),
        ("rules: []\n", "has no rule"),
    ],
)
def test_a_file_that_is_not_a_policy_is_refused(tmp_path: Path, content: str, said: str) -> None:
    tmp_path.joinpath("a.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_policy(tmp_path)
    assert said in str(refused.value)


def test_bytes_that_are_not_utf8_are_refused_by_name(tmp_path: Path) -> None:
    tmp_path.joinpath("a.yaml").write_bytes(b"rules: \xff\xfe")
    with pytest.raises(ConfigurationError, match=r"a\.yaml cannot be read"):
        load_policy(tmp_path)


def test_a_missing_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist: set ADJUDICATE_POLICIES"):
        load_policy(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="has no rule"):
        load_policy(tmp_path)
