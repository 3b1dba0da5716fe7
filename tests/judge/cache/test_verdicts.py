"""Which opinions are found again, under which key, and what is not believed."""

import dataclasses
import json
import math
from types import SimpleNamespace
from typing import Any

import pytest

from adjudicate.errors import ConfigurationError
from executors.judge import answer, prompt
from executors.judge.backend import ALWAYS, NEVER, SCALED_DOWN, Opinion
from executors.judge.cache.entry import dump, load
from executors.judge.cache.key import Content, key_of, maker, picture_hash
from executors.judge.cache.memory import MemoryStore
from executors.judge.cache.redis import RedisStore
from executors.judge.cache.verdicts import Verdicts, open_verdicts
from executors.shared.settings import JudgeSettings

ANSWERED = Opinion(0.9, 0.1, '{"claims": []}', ("a_note",))
UNANSWERED = Opinion(0.2, 0.1, None)
APPROVE = 0.35


@pytest.fixture
def verdicts() -> Verdicts:
    return Verdicts(MemoryStore(8, 60))


def backend(**fields: Any) -> Any:
    return SimpleNamespace(**{"version": "v", "precision": "fp32", "style": "full", **fields})


CONTENT = Content(picture_hash(b"picture"), "copy", "CN", "rules")


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Content)])
def test_every_part_of_the_content_makes_another_key(field: str) -> None:
    other = dataclasses.replace(CONTENT, **{field: "other"})
    assert key_of(other, "made") != key_of(CONTENT, "made") == key_of(CONTENT, "made")


def test_whatever_makes_a_verdict_makes_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        maker(backend(), 1_000),
        maker(backend(version="w"), 1_000),
        maker(backend(precision="bf16"), 1_000),
        maker(backend(style="compact"), 1_000),
        maker(backend(), 2_000),
    ]
    monkeypatch.setattr(prompt, "VERSION", "other")
    made.append(maker(backend(), 1_000))
    monkeypatch.setattr(answer, "SCHEMA_VERSION", "other")
    made.append(maker(backend(), 1_000))
    assert len({key_of(CONTENT, one) for one in made}) == len(made) == 7


def test_parts_do_not_run_into_each_other() -> None:
    one = Content("", 'a", "b', "CN", "r")
    other = Content("", "a", 'b", "CN', "r")
    assert key_of(one, "made") != key_of(other, "made")


def test_a_lone_surrogate_has_a_key_too() -> None:
    assert len(key_of(Content("", "\ud800", "CN", "r"), "made")) == 64


def test_no_picture_is_not_the_empty_picture() -> None:
    assert picture_hash(None) != picture_hash(b"")


async def test_an_opinion_is_found_as_it_was(verdicts: Verdicts) -> None:
    await verdicts.put("k", ANSWERED)
    assert await verdicts.get("k", APPROVE) == ANSWERED
    assert await verdicts.get("other", APPROVE) is None
    assert verdicts.counters() == {"cache_hits": 1, "cache_misses": 1, "cache_errors": 0}


async def test_an_answer_that_was_never_written_is_a_miss_where_one_is_asked_for(
    verdicts: Verdicts,
) -> None:
    await verdicts.put("k", UNANSWERED)
    assert await verdicts.get("k", APPROVE) == UNANSWERED
    assert await verdicts.get("k", NEVER) == UNANSWERED
    assert await verdicts.get("k", ALWAYS) is None
    assert await verdicts.get("k", 0.1) is None


async def test_an_answer_that_is_not_asked_for_is_left_out(verdicts: Verdicts) -> None:
    await verdicts.put("k", ANSWERED)
    found = await verdicts.get("k", NEVER)
    assert found == dataclasses.replace(ANSWERED, written=None)


async def test_what_memory_made_smaller_is_not_kept(verdicts: Verdicts) -> None:
    await verdicts.put("k", Opinion(0.1, 0.1, None, (SCALED_DOWN,)))
    assert await verdicts.get("k", NEVER) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no json",
        b"\xff\xfe",
        b"[]",
        b'{"entry": 1}',
        dump(ANSWERED).replace(b'"entry":1', b'"entry":2'),
        dump(ANSWERED).replace(b"0.9", b"1.5"),
        dump(ANSWERED).replace(b"0.9", b"NaN"),
        dump(ANSWERED).replace(b"0.9", b'"0.9"'),
        dump(ANSWERED).replace(b"0.9", b"null"),
        dump(ANSWERED)[:-1],
        dump(ANSWERED)[:-1] + b',"more":1}',
    ],
)
async def test_a_value_that_cannot_be_read_is_a_miss(value: bytes) -> None:
    store = MemoryStore(8, 60)
    await store.put("k", value)
    verdicts = Verdicts(store)
    assert await verdicts.get("k", APPROVE) is None
    assert verdicts.counters()["cache_misses"] == 1


def test_an_entry_is_versioned_json_and_comes_back_as_it_was() -> None:
    assert json.loads(dump(ANSWERED))["entry"] == 1
    assert load(dump(ANSWERED)) == ANSWERED
    assert load(dump(UNANSWERED)) == UNANSWERED


def test_what_is_no_probability_is_not_written() -> None:
    with pytest.raises(ValueError, match="violation"):
        dump(Opinion(math.nan, 0.1, None))


async def test_no_entries_switch_the_cache_off() -> None:
    verdicts = open_verdicts(JudgeSettings(cache_entries=0, cache_url="redis://localhost"))
    await verdicts.put("k", ANSWERED)
    assert await verdicts.get("k", APPROVE) is None
    assert (verdicts.kind, verdicts.counters()) == ("off", {})
    await verdicts.close()


async def test_a_url_means_redis() -> None:
    verdicts = open_verdicts(JudgeSettings(cache_url="redis://localhost"))
    assert isinstance(verdicts._store, RedisStore)
    assert verdicts.kind == "redis"
    await verdicts.close()
    assert open_verdicts(JudgeSettings()).kind == "memory"


def test_a_wrong_url_is_refused_when_the_room_starts() -> None:
    with pytest.raises(ConfigurationError, match="CACHE_URL"):
        open_verdicts(JudgeSettings(cache_url="http://example"))
