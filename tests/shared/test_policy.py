"""The policy: what the shipped files hold, whom a rule applies to, what its versions follow."""

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from adjudicate.documents import MARKETS, PRODUCTS
from adjudicate.errors import ConfigurationError
from executors.library.terms import Terms
from executors.shared.policy import Market, Policy, Product, Rule, load_policy
from executors.shared.policy_report import check_folder
from executors.shared.rule import KNOWN_CATEGORIES
from executors.shared.settings import ROOT
from models.render.claims import VIOLATING

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


def test_the_known_categories_are_those_of_the_claims_that_the_models_know() -> None:
    assert set(KNOWN_CATEGORIES) == {claim.category for claim in VIOLATING}


def test_the_shipped_policy_is_clean() -> None:
    report = check_folder(ROOT / "policies")
    assert report.problems == ()
    assert report.warnings == ()


def test_every_shipped_rule_is_complete(shipped: Policy) -> None:
    assert len(shipped.rules) == 21
    for shipped_rule in shipped.rules.values():
        languages = {example.language for example in shipped_rule.examples}
        wanted = {"zh" if market == "CN" else "en" for market in shipped_rule.markets}
        assert wanted <= languages, shipped_rule.code
        assert shipped_rule.terms, shipped_rule.code


def test_every_shipped_example_has_a_term_of_its_rule(shipped: Policy) -> None:
    terms = Terms(shipped)
    for shipped_rule in shipped.rules.values():
        for example in shipped_rule.examples:
            found = terms.find(example.text, shipped_rule.markets[0], shipped_rule.products[0])
            assert shipped_rule.code in {one.rule.code for one in found}, example.text


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


def test_a_rule_that_is_off_holds_no_ad_and_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", [rule(), rule(code="CN-2", enabled=False)])
    policy = load_policy(tmp_path)
    assert list(policy.rules) == ["CN-1"]
    assert list(policy.off) == ["CN-2"]
    assert [one.code for one in policy.applicable(None, None)] == ["CN-1"]
    assert policy.knows("CN-1")
    assert policy.knows("CN-2")
    assert not policy.knows("CN-3")


def test_switching_a_rule_off_is_another_version() -> None:
    on, off = (Policy.of([Rule.model_validate(rule(enabled=value))]) for value in (True, False))
    assert on.version != off.version


def verdicts(*rules: dict[str, Any], market: str = "CN", product: str = "food") -> str:
    policy = Policy.of(map(Rule.model_validate, rules))
    return policy.version_of(policy.applicable(market, product))


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "CN-9"},
        {"text": {"en": "No cure at all.", "zh": "不得宣称治愈。"}},
        {"text": {"en": "No cures.", "zh": "绝不得宣称治愈。"}},
        {"categories": ["cure"]},
        {"enabled": False},
        {"products": ["drug"]},
    ],
    ids=lambda changes: "/".join(changes),
)
def test_what_a_verdict_depends_on_changes_the_version_of_the_verdicts(
    changes: dict[str, Any],
) -> None:
    other = rule(code="CN-2")
    assert verdicts(rule(), other) != verdicts(rule(**changes), other)


def test_the_order_of_the_rules_changes_the_version_of_the_verdicts() -> None:
    one, other = rule(), rule(code="CN-2")
    assert verdicts(one, other) != verdicts(other, one)
    assert Policy.of(map(Rule.model_validate, (one, other))).version == (
        Policy.of(map(Rule.model_validate, (other, one))).version
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "low"},
        {"law": "Another law"},
        {"article": "art. 2"},
        {"terms": ["根治"]},
        {"examples": []},
        {"markets": ["CN", "EU"]},
    ],
    ids=lambda changes: "/".join(changes),
)
def test_what_no_verdict_depends_on_keeps_the_version_of_the_verdicts(
    changes: dict[str, Any],
) -> None:
    assert verdicts(rule()) == verdicts(rule(**changes))
    changed = Policy.of([Rule.model_validate(rule(**changes))])
    assert changed.version != Policy.of([Rule.model_validate(rule())]).version


def test_an_edit_of_another_markets_rule_keeps_the_version_of_the_verdicts() -> None:
    american = rule(code="US-1", markets=["US"])
    edited = {**american, "text": {"en": "Other words.", "zh": "另一句。"}}
    assert verdicts(rule()) == verdicts(rule(), american) == verdicts(rule(), edited)
    assert verdicts(american, market="US") != verdicts(edited, market="US")


def test_a_policy_is_refused_with_its_first_problem_in_one_sentence(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", [rule(severity="grave", colour="red")])
    with pytest.raises(ConfigurationError) as refused:
        load_policy(tmp_path)
    found = check_folder(tmp_path).problems
    assert len(found) == 2
    assert str(refused.value) == found[0].sentence()
    assert str(refused.value).startswith("a.yaml, line ")


def test_files_of_editors_and_of_config_maps_are_no_policy_files(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", [rule()])
    tmp_path.joinpath(".#a.yaml").symlink_to("nobody@nowhere.1")
    tmp_path.joinpath("a.yaml~").write_text("rules: half", encoding="utf-8")
    tmp_path.joinpath(".a.yaml.swp").write_bytes(b"\xff\xfe")
    tmp_path.joinpath("..2026_01").mkdir()
    assert list(load_policy(tmp_path).rules) == ["CN-1"]


def test_a_missing_folder_and_folders_without_a_rule_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist: set ADJUDICATE_POLICIES"):
        load_policy(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="has no rule in any"):
        load_policy(tmp_path)
    write(tmp_path, "a.yaml", [rule(enabled=False)])
    with pytest.raises(ConfigurationError, match="has no rule that is enabled"):
        load_policy(tmp_path)
