"""Another model in place of the one that serves, with the shipped weights."""

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from adjudicate.errors import Code, ConfigurationError, RequestError
from executors.judge import swapping
from executors.judge.backend import NEVER, Opinion, Question
from executors.judge.qwen.backend import QwenBackend
from executors.judge.swapping import SwappingBackend
from executors.shared.settings import ROOT, JudgeSettings

MODELS = """\
models:
  first: {source: ./first}
  second: {source: ./second, dtype: bf16}
  hot: {source: ./first, temperature: 7}
  broken: {source: ./broken}
  locked: {source: ./first, files: {config.json: '%s'}}
  nowhere: {source: ./nowhere}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models.yml beside two copies of the shipped model, the second with another temperature."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("first", "second", "broken"):
        shutil.copytree(ROOT / "models" / "judge", folder / name)
    config = folder / "second" / "judge_config.json"
    said = json.loads(config.read_text())
    config.write_text(json.dumps({**said, "temperature": said["temperature"] * 3}))
    (folder / "broken" / "tokenizer.json").write_text("{}")
    (folder / "models.yml").write_text(MODELS % ("0" * 64))
    return folder


class Gated(QwenBackend):
    """The real one; an ad whose copy is `held` waits until `gate` is set."""

    opened: list["Gated"]

    def __init__(self, settings: JudgeSettings) -> None:
        super().__init__(settings)
        self.gate = asyncio.Event()
        self.closed = False
        self.opened.append(self)

    async def judge(self, question: Question, deadline: float | None = None) -> Opinion:
        if question.copy == "held":
            await self.gate.wait()
        return await super().judge(question, deadline)

    def close(self) -> None:
        self.closed = True
        super().close()


@pytest.fixture
def judge(folder: Path) -> Iterator[SwappingBackend]:
    Gated.opened = []
    settings = JudgeSettings(model="first", models=folder / "models.yml", max_wait_ms=1)
    backend = SwappingBackend(Gated, settings)
    yield backend
    for opened in Gated.opened:
        opened.gate.set()
    backend.close()


def _question(copy: str = "Cures diabetes.") -> Question:
    return Question("US", copy, None, (), explain_above=NEVER)


async def _settled(judge: SwappingBackend) -> None:
    await asyncio.gather(*judge._retiring)


async def test_the_next_ad_goes_to_the_new_model_and_carries_its_version(
    judge: SwappingBackend,
) -> None:
    before = (await judge.judge(_question())).violation, judge.version
    loaded = await judge.load("hot")
    after = (await judge.judge(_question())).violation, judge.version
    assert (loaded.name, judge.name, judge.version) == ("hot", "hot", loaded.version)
    assert before[1] != after[1], "the temperature of the entry is part of the version"
    assert abs(after[0] - 0.5) < abs(before[0] - 0.5)
    assert judge.counters()["model_loads"] == 1
    assert float(judge.facts()["load_seconds"]) > 0


async def test_ads_under_way_finish_on_the_old_model_before_it_is_closed(
    judge: SwappingBackend,
) -> None:
    old_version = judge.version

    async def pinned() -> tuple[str, Opinion]:
        with judge.pinned() as serving:
            return serving.version, await serving.judge(_question("held"))

    held = asyncio.ensure_future(pinned())
    await asyncio.sleep(0)
    await judge.load("second")
    first, second = Gated.opened
    assert await judge.judge(_question())
    assert judge.version != old_version
    assert not first.closed, "an ad is still with it"
    with pytest.raises(RequestError) as error:
        await judge.load("first")
    assert error.value.code is Code.MODEL_BUSY, "three models would be in memory"
    first.gate.set()
    version, opinion = await held
    assert version == old_version
    assert 0 <= opinion.violation <= 1
    await _settled(judge)
    assert first.closed
    assert not second.closed


async def test_what_is_said_while_another_loads_is_what_was_said_before(
    judge: SwappingBackend,
) -> None:
    torch.set_default_dtype(torch.float32)
    expected = (await judge.judge(_question())).violation
    load = asyncio.ensure_future(judge.load("second"))
    said = []
    while not load.done():
        with judge.pinned() as serving:
            said.append((serving.name, (await serving.judge(_question())).violation))
    await load
    assert len(said) > 3
    assert {value for name, value in said if name == "first"} == {expected}
    assert judge.precision == "bf16"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("secnd", Code.NOT_FOUND, "did you mean second?"),
        ("someone/else", Code.NOT_FOUND, "is no model of"),
        (str(ROOT / "models" / "judge"), Code.NOT_FOUND, "is no model of"),
        ("nowhere", Code.MODEL_REFUSED, "there is no folder"),
        ("locked", Code.MODEL_REFUSED, "config.json was changed"),
        ("broken", Code.MODEL_REFUSED, "broken"),
    ],
)
async def test_a_model_that_cannot_be_loaded_changes_nothing(
    judge: SwappingBackend, name: str, code: Code, said: str
) -> None:
    before = judge.version
    with pytest.raises(RequestError) as error:
        await judge.load(name)
    assert error.value.code is code
    assert said in error.value.detail
    assert "\n" not in error.value.detail
    assert (judge.version, judge.loading) == (before, "")
    assert judge.facts()["load_failure"] == error.value.detail
    assert judge.counters()["model_load_failures"] == 1
    assert await judge.judge(_question())
    await judge.load("hot")
    assert "load_failure" not in judge.facts()


async def test_a_model_that_cannot_answer_is_closed_again(
    judge: SwappingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> Opinion:
        raise RuntimeError("CUDA error: an illegal memory access")

    before = judge.current
    monkeypatch.setattr(Gated, "judge", broken)
    with pytest.raises(RequestError, match="an illegal memory access"):
        await judge.load("second")
    assert judge.current is before
    assert [opened.closed for opened in Gated.opened] == [False, True]


async def test_a_second_load_is_refused_while_one_is_under_way(judge: SwappingBackend) -> None:
    load = asyncio.ensure_future(judge.load("second"))
    await asyncio.sleep(0)
    assert judge.facts()["loading"] == "second"
    with pytest.raises(RequestError, match="second is being loaded") as error:
        await judge.load("hot")
    assert error.value.code is Code.MODEL_BUSY
    assert (await load).name == "second"


async def test_what_does_not_fit_beside_the_old_model_is_refused_unloaded(
    judge: SwappingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executors.shared.memory.free_bytes", lambda _: 5e6)
    with pytest.raises(RequestError) as error:
        await judge.load("second")
    needed = (ROOT / "models" / "judge" / "model.safetensors").stat().st_size * swapping.OPEN_SHARE
    said = f"second needs {needed / 1e6:.3g} MB beside the model that serves, and 5 MB are free"
    assert said in str(error.value)
    assert len(Gated.opened) == 1


async def test_models_yml_is_read_anew_for_each_load(judge: SwappingBackend, folder: Path) -> None:
    file = folder / "models.yml"
    text = file.read_text()
    try:
        file.write_text(text + "  later: {source: ./second}\n")
        assert (await judge.load("later")).name == "later"
    finally:
        file.write_text(text)


async def test_a_close_ends_whatever_is_loaded(judge: SwappingBackend) -> None:
    held = asyncio.ensure_future(judge.judge(_question("held"), time.time() + 30))
    await asyncio.sleep(0)
    await judge.load("second")
    judge.close()
    assert all(opened.closed for opened in Gated.opened)
    Gated.opened[0].gate.set()
    with pytest.raises(Exception, match="shutting down"):
        await held


def test_a_first_model_that_cannot_be_loaded_is_a_wrong_setting(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean first"):
        SwappingBackend(Gated, JudgeSettings(model="frist", models=folder / "models.yml"))
