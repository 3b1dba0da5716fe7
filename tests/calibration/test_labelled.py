"""What a labelled file may say, and how a row that cannot be used is named."""

from pathlib import Path

import pytest

from adjudicate.answers import SearchResult
from adjudicate.calibration.collect import collect
from adjudicate.calibration.labelled import Labelled, count_rows, labelled_at
from adjudicate.documents import Ad, Match, Problem
from adjudicate.errors import ServiceError


def written(folder: Path, *lines: str) -> Path:
    path = folder / "labelled.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_labels_are_verdicts_or_categories(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    path = written(
        tmp_path,
        "file,text,label,category,market,group",
        "a.jpg,,cure,,CN,spring",
        ",heals,violation,disease,,",
        ",heals,Violation,,,",
        ",fresh,Compliant,cure,,",
    )
    rows = list(labelled_at(path))
    assert [(one.row, one.violating, one.category) for one in rows] == [
        (2, True, "cure"),
        (3, True, "disease"),
        (4, True, ""),
        (5, False, ""),
    ]
    assert rows[0].ad.image == b"picture"
    assert rows[0].ad.market == "CN"
    assert [one.group for one in rows] == ["spring", "row 3", "row 4", "row 5"]
    assert not [one for one in rows if one.ad.problem]
    assert count_rows(path) == 4


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("none.jpg,,cure,", "none.jpg"),
        (",heals,,", "the label is empty"),
        (",,cure,", "neither file nor text"),
        (",heals,cure,disease", "two categories"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(tmp_path: Path, row: str, said: str) -> None:
    path = written(tmp_path, "file,text,label,category", ",fine,compliant,", row)
    good, bad = labelled_at(path)
    assert good.ad.problem is None
    assert bad.ad.problem is not None
    assert said in bad.ad.problem.detail
    assert bad.row == 3


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["file,text", ",heals"], "no column label"),
        (["label", "cure"], "neither of the columns"),
        (["text,label"], "no rows"),
    ],
)
def test_a_file_that_is_no_labelled_file_is_refused(
    tmp_path: Path, lines: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        list(labelled_at(written(tmp_path, *lines)))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no"):
        list(labelled_at(tmp_path / "none.csv"))


class Service:
    """Finds by an ad's copy; `broken` cannot be searched."""

    def __init__(self, encoders: list[str]) -> None:
        self.encoders = encoders
        self.sizes: list[int] = []

    async def search(self, ads: list[Ad], *, per_category: bool) -> list[SearchResult]:
        assert per_category
        self.sizes.append(len(ads))
        return [self.result(ad) for ad in ads]

    def result(self, ad: Ad) -> SearchResult:
        versions = {
            "encoder": self.encoders[0] if len(self.encoders) == 1 else self.encoders.pop(0)
        }
        if ad.text == "broken":
            return SearchResult(
                ad.id, [], Problem(code="internal", detail="no embedding"), versions
            )
        match = Match(exemplar_id="x", category="cure", signal="text", similarity=float(ad.text))
        return SearchResult(ad.id, [match], None, versions)


def labelled(*texts: str) -> list[Labelled]:
    return [Labelled(n, Ad(text=text), group=f"g{n}") for n, text in enumerate(texts, 2)]


async def test_rows_keep_their_similarities_and_refusals_their_numbers() -> None:
    rows = labelled("0.5", "broken", *("0.25" for _ in range(200)))
    rows.insert(1, Labelled(900, Ad(problem=Problem(code="invalid_field", detail="empty"))))
    done: list[int] = []
    service = Service(["v1"])
    collected = await collect(service, rows, done.append)  # type: ignore[arg-type]
    assert collected.refused == ["row 900: empty", "row 3: no embedding"]
    assert [one.row for one in collected.rows[:2]] == [2, 4]
    assert collected.similarity[:2] == [{("cure", "text"): 0.5}, {("cure", "text"): 0.25}]
    assert collected.categories == ["cure"]
    assert collected.encoder == "v1"
    assert sum(done) == 203
    assert max(service.sizes) <= 16


async def test_an_encoder_that_changes_under_way_is_refused() -> None:
    service = Service(["v1", "v2"])
    with pytest.raises(ServiceError, match="exchanged"):
        await collect(service, labelled("0.5", "0.5"), lambda _: None)  # type: ignore[arg-type]
