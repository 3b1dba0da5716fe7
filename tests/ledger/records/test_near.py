"""The nearest pictures are held in memory, and follow the table."""

import numpy as np
import pytest

from executors.ledger.records import near
from executors.ledger.records.near import NearPictures, packed
from executors.ledger.store import EVIDENCE
from tests.ledger.records.archive import HASH, Archive, apart


def test_distances_are_those_of_the_hashes_bits(light: Archive) -> None:
    rng = np.random.default_rng(0)
    hashes = [rng.bytes(32).hex() for _ in range(200)]
    asked = rng.bytes(32).hex()
    light.add_all([light.case(str(at), "x", phash=one) for at, one in enumerate(hashes)])
    wanted = sorted((int(asked, 16) ^ int(one, 16)).bit_count() for one in hashes)
    found = NearPictures(light.store.engine, EVIDENCE).of(asked, 130, 1_000)
    assert [distance for _, distance in found] == [one for one in wanted if one <= 130]
    assert found


def test_it_is_read_and_compared_in_parts(light: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "_AT_ONCE", 7)
    light.add_all([light.case(str(bits), "x", phash=apart(bits)) for bits in range(30)])
    pictures = NearPictures(light.store.engine, EVIDENCE)
    assert [distance for _, distance in pictures.of(HASH, 256, 100)] == list(range(30))


def test_rows_that_a_server_shows_late_are_found_all_the_same(archive: Archive) -> None:
    """A later number may be committed before an earlier one."""
    pictures = NearPictures(archive.store.engine, EVIDENCE)
    pictures._overlap = 10
    early, late = archive.add("early", phash=apart(2)), archive.add("late", phash=apart(1))
    whole = archive.read(lambda c: c.execute(EVIDENCE.select()).mappings().all())
    row = dict(next(one for one in whole if one["decision_id"] == early.id))
    with archive.store.engine.execution_options(writes=True).begin() as connection:
        connection.execute(EVIDENCE.delete().where(EVIDENCE.c.decision_id == early.id))
    assert [one for one, _ in pictures.of(HASH, 31, 9)] == [late.id]
    with archive.store.engine.execution_options(writes=True).begin() as connection:
        connection.execute(EVIDENCE.insert().values(row))
    assert [one for one, _ in pictures.of(HASH, 31, 9)] == [late.id, early.id]
    assert [one for one, _ in pictures.of(HASH, 31, 9)] == [late.id, early.id]


def test_a_hash_that_was_erased_is_found_no_more(light: Archive) -> None:
    decision = light.add("it", phash=HASH)
    pictures = NearPictures(light.store.engine, EVIDENCE)
    assert pictures.of(HASH, 31, 9) == [(decision.id, 0)]
    with light.store.engine.execution_options(writes=True).begin() as connection:
        connection.execute(EVIDENCE.update().values(phash=""))
    assert pictures.of(HASH, 31, 9) == []


def test_what_is_no_hash_has_no_near_duplicates(light: Archive) -> None:
    light.add("it", phash=HASH)
    assert NearPictures(light.store.engine, EVIDENCE).of("", 256, 9) == []


def test_a_million_hashes_take_32_bytes_each() -> None:
    assert packed([HASH, apart(1)]).nbytes == 64
