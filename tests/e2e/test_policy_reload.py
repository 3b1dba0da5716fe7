"""A policy of one's own through the real Flow: the tutorial of docs/policies.md, and edits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adjudicate import Ad, Client, Decision, Exemplar
from executors.shared.policy import load_policy
from executors.shared.settings import Settings
from tests.e2e.service import ROOT, Service

PAGE = ROOT / "docs" / "policies.md"
HOUSE = ROOT / "samples" / "policy" / "house.yaml"
SUPERLATIVE = "Best pain relief ever"
WRITE, COPY, START, ASK, EDIT, PICTURE = range(6)
"""The blocks of commands of the tutorial."""


def blocks() -> list[str]:
    """The tutorial's commands."""
    page = PAGE.read_text(encoding="utf-8")
    tutorial = page[page.index("## Your own policy in ten minutes") :]
    return re.findall(r"^```sh\n(.*?)^```", tutorial, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands run: a folder that looks like the repository's root."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "samples").symlink_to(ROOT / "samples")
    (folder / "policies").symlink_to(ROOT / "policies")
    return folder


@pytest.fixture(scope="module")
def house(checkout: Path) -> Iterator[Service]:
    """The service of the tutorial's third step; its policy is that of the second."""
    for block in (WRITE, COPY):
        shell(checkout, None, blocks()[block])
    shown = dict(re.findall(r"(ADJUDICATE_\w+)=(\S+)", blocks()[START]))
    assert shown["ADJUDICATE_POLICIES"] == "my-policy"
    settings = {
        "ADJUDICATE_POLICIES": str(checkout / "my-policy"),
        "ADJUDICATE_POLICY_POLL_S": "0.2",
    }
    service = Service(checkout, settings)
    service.start()
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()


@pytest.fixture(autouse=True)
def _as_in_the_samples(checkout: Path) -> Iterator[None]:
    yield
    if (checkout / "my-policy").is_dir():
        shutil.copy(HOUSE, checkout / "my-policy" / "house.yaml")


def shell(checkout: Path, service: Service | None, commands: str) -> str:
    """What the commands print; each must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    url = {"ADJUDICATE_URL": service.urls["grpc"]} if service else {}
    done = subprocess.run(
        ["bash", "-eu", "-c", commands],
        cwd=checkout,
        env={**os.environ, **url, "PATH": path, "COLUMNS": "140"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def patiently(checkout: Path, service: Service, commands: str) -> str:
    """What the commands print; in place of their pause, the service has the policy in force."""
    before, pause, after = re.split(r"^sleep (\d+)\n", commands, flags=re.MULTILINE)
    assert int(pause) > 2 * Settings().policy_poll_s
    printed = shell(checkout, service, before)
    wait_for(service, load_policy(checkout / "my-policy").version)
    return printed + shell(checkout, service, after)


def review(service: Service, ad: Ad) -> Decision:
    with Client(service.urls["grpc"]) as client:
        (decision,) = client.review_all([ad])
    return decision


def superlative() -> Ad:
    return Ad(text=SUPERLATIVE, market="US", product="drug")


def wait_for(service: Service, version: str) -> None:
    """Until library and judge have this policy in force."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if {service.rooms()[room]["facts"]["policy"] for room in ("library", "judge")} == {version}:
            return
        time.sleep(0.3)
    raise AssertionError(f"policy {version} is not in force: {service.rooms()}")


def edit(service: Service, checkout: Path, text: str) -> str:
    """Write the policy, and return its version when it is in force."""
    (checkout / "my-policy" / "house.yaml").write_text(text, encoding="utf-8")
    version = load_policy(checkout / "my-policy").version
    wait_for(service, version)
    return version


def switched_off(code: str) -> str:
    text = HOUSE.read_text(encoding="utf-8")
    return text.replace(f"code: {code}\n", f"code: {code}\n    enabled: false\n")


def test_the_first_steps_print_what_the_page_shows(checkout: Path, house: Service) -> None:
    printed = shell(checkout, None, blocks()[WRITE])
    said, version = printed.strip().rsplit(" ", 1)
    assert f"```\n{said} " in PAGE.read_text(encoding="utf-8")
    assert version == load_policy(checkout / "my-policy").version
    written = load_policy(checkout / "my-policy").rules["HOUSE-1"]
    assert written == load_policy(HOUSE.parent).rules["HOUSE-1"]
    assert "2 rules, policy " in shell(checkout, None, blocks()[COPY])


def test_the_ad_of_the_tutorial_is_rejected_by_the_houses_rule(
    checkout: Path, house: Service
) -> None:
    version = load_policy(HOUSE.parent).version
    wait_for(house, version)
    printed = shell(checkout, house, blocks()[ASK])
    assert f"policy {version}" in printed
    assert re.search(rf"reject +HOUSE-1 +{SUPERLATIVE}", printed), printed
    assert "approve  below_thresholds" in printed
    decision = review(house, superlative())
    assert "term:HOUSE-1" in decision.reasons
    assert decision.versions["policy"] == version
    (finding,) = decision.findings
    assert (finding.rule, finding.claim) == ("HOUSE-1", SUPERLATIVE)


def test_a_rule_that_is_switched_off_while_the_service_runs_rejects_no_more(
    checkout: Path, house: Service
) -> None:
    wait_for(house, load_policy(HOUSE.parent).version)
    pids = {room: status["pid"] for room, status in house.rooms().items()}
    printed = patiently(checkout, house, blocks()[EDIT])
    assert "~ HOUSE-1, enabled: true -> false" in printed
    assert "approve  below_thresholds" in printed
    decision = review(house, superlative())
    assert (decision.outcome, decision.rule, decision.judged) == ("approve", "", False)
    assert decision.versions["policy"] == load_policy(checkout / "my-policy").version
    assert {room: status["pid"] for room, status in house.rooms().items()} == pids


def test_a_wrong_edit_keeps_the_policy_and_the_status_says_why(
    checkout: Path, house: Service
) -> None:
    version = load_policy(HOUSE.parent).version
    wait_for(house, version)
    wrong = HOUSE.read_text(encoding="utf-8").replace("severity: medium", "severity: grave", 1)
    (checkout / "my-policy" / "house.yaml").write_text(wrong, encoding="utf-8")
    said = "house.yaml, line 9, rule HOUSE-1, severity: grave is not known"
    until = time.monotonic() + 30
    while time.monotonic() < until:
        facts = [house.rooms()[room]["facts"] for room in ("library", "judge")]
        if all(said in found.get("policy problem", "") for found in facts):
            break
        time.sleep(0.3)
    assert all(found["policy"] == version for found in facts)
    assert all(said in found["policy problem"] for found in facts)
    decision = review(house, superlative())
    assert "term:HOUSE-1" in decision.reasons
    assert decision.versions["policy"] == version
    assert "policy problem house.yaml, line 9" in shell(checkout, house, "adjudicate status")
    # The gateway follows at its own pace: it may not have seen the policy that was in force last.
    logged = f"stays in force: {said}"
    until = time.monotonic() + 30
    while house.output().count(logged) < 3 and time.monotonic() < until:
        time.sleep(0.3)
    assert house.output().count(logged) == 3, "by the library, the judge and the gateway, once each"


def test_a_picture_that_is_like_an_exemplar_of_the_rule_is_rejected_by_it(
    checkout: Path, house: Service
) -> None:
    printed = patiently(checkout, house, blocks()[PICTURE])
    assert re.search(rf"ad-05.jpg +reject +HOUSE-1 +{SUPERLATIVE}", printed), printed


def test_the_judge_follows_what_is_switched_off(checkout: Path, house: Service) -> None:
    """An exemplar flags the ad, rule in force or not: the judge is asked both times."""
    with Client(house.urls["grpc"]) as client:
        known = Exemplar(text=SUPERLATIVE, category="superlative", rule="HOUSE-1")
        assert client.library.add([known])[0].problem is None
    version = edit(house, checkout, switched_off("HOUSE-1"))
    decision = review(house, superlative())
    assert decision.judged
    assert (decision.outcome, decision.rule) == ("approve", "")
    assert "text:superlative" in decision.reasons
    assert decision.versions["policy"] == version
    version = edit(house, checkout, HOUSE.read_text(encoding="utf-8"))
    decision = review(house, superlative())
    assert decision.judged
    assert (decision.outcome, decision.rule) == ("reject", "HOUSE-1")
    assert decision.versions["policy"] == version
