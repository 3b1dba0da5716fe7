"""Whatever is or holds ads becomes ads; what cannot be read is that ad's problem."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from adjudicate import Ad, AsyncClient, Client, ad_of, ads_of
from tests.client.fake import FakeServers, FakeService


def encoded(kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((32, 24)).convert("RGB").save(file, kind, **options)
    return file.getvalue()


PICTURE = encoded()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").write_bytes(PICTURE)
    (tmp_path / "sub" / "b.jpg").write_bytes(encoded("JPEG"))
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def problem(ad: Ad) -> str:
    return "" if ad.problem is None else ad.problem.code


def decoded(ad: Ad) -> Image.Image:
    assert ad.image is not None
    return Image.open(io.BytesIO(ad.image))


def test_an_ad_is_as_it_is() -> None:
    ad = Ad(text="x", market="US")
    assert ad_of(ad) is ad
    filled = ad_of(ad, market="CN", product="drug")
    assert (filled.id, filled.market, filled.product) == (ad.id, "US", "drug")
    assert ad.product is None, "the caller's ad is not touched"


def test_paths(folder: Path) -> None:
    assert ad_of(folder / "a.png").image == PICTURE
    named = ad_of(str(folder / "a.png"), market="CN")
    assert (named.id, named.image, named.market) == ("a.png", PICTURE, "CN")
    assert [ad.id for ad in ads_of(folder)] == ["a.png", "sub/b.jpg"]
    assert [ad.id for ad in ads_of([folder / "sub", str(folder / "a.png")])] == ["b.jpg", "a.png"]


def test_manifests_and_json_lines(folder: Path) -> None:
    manifest = folder / "ads.csv"
    manifest.write_text("id,file,text,market\n1,a.png,one,US\n2,,two,\n3,none.png,,\n")
    ads = list(ads_of(manifest, market="CN"))
    assert [(ad.id, ad.text, ad.market, problem(ad)) for ad in ads] == [
        ("1", "one", "US", ""),
        ("2", "two", "CN", ""),
        ("3", "", None, "image_unreadable"),
    ]
    lines = folder / "ads.jsonl"
    lines.write_text('{"id": "1", "text": "one"}\nnonsense\n')
    assert [problem(ad) for ad in ads_of(lines)] == ["", "invalid_field"]


def test_what_is_not_there_is_the_ad_s_problem(tmp_path: Path) -> None:
    missing, text = ads_of([tmp_path / "none.png", "药到病除"])
    assert (problem(missing), problem(text)) == ("image_unreadable", "image_unreadable")
    assert missing.problem is not None
    assert "none.png" in missing.problem.detail
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,label\na,b\n")
    (ad,) = ads_of(wrong)
    assert ad.problem is not None
    assert "neither of the columns file and text" in ad.problem.detail


def test_urls() -> None:
    ad = ad_of("https://cdn.example/1.png", market="CN")
    assert (ad.url, ad.market, ad.image) == ("https://cdn.example/1.png", "CN", None)
    assert ad_of("HTTP://cdn.example/1.png").url == "HTTP://cdn.example/1.png"


@pytest.mark.parametrize("thing", [PICTURE, bytearray(PICTURE), memoryview(PICTURE)])
def test_bytes(thing: bytes) -> None:
    assert ad_of(thing).image == PICTURE


def test_open_files(folder: Path) -> None:
    assert ad_of(io.BytesIO(PICTURE)).image == PICTURE
    with (folder / "a.png").open("rb") as file:
        assert ad_of(file).image == PICTURE
    with (folder / "notes.txt").open() as text, pytest.raises(TypeError, match="mode 'rb'"):
        ad_of(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "P", "RGB", "RGBA"])
def test_pil_images_lose_nothing(mode: str) -> None:
    image = Image.linear_gradient("L").resize((32, 24)).convert(mode)
    back = decoded(ad_of(image))
    assert back.mode == mode
    assert back.tobytes() == image.tobytes()


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "F", "HSV"])
def test_pil_images_of_modes_that_png_has_not_become_rgb(mode: str) -> None:
    image = Image.linear_gradient("L").resize((32, 24)).convert(mode)
    assert decoded(ad_of(image)).tobytes() == image.convert("RGB").tobytes()


def test_a_pil_image_keeps_its_orientation() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    image = Image.open(io.BytesIO(encoded("JPEG", exif=turned)))
    assert decoded(ad_of(image)).getexif()[0x0112] == 6


def test_a_pil_image_that_breaks_off_is_the_ad_s_problem() -> None:
    broken = Image.open(io.BytesIO(encoded("JPEG")[:-80]))
    assert problem(ad_of(broken)) == "image_unreadable"


def test_mappings(folder: Path) -> None:
    ad = ad_of({"id": 7, "file": folder / "a.png", "text": "x", "market": None}, market="US")
    assert (ad.id, ad.image, ad.text, ad.market) == ("7", PICTURE, "x", "US")
    image = Image.open(io.BytesIO(PICTURE))
    for picture in (
        PICTURE,
        folder / "a.png",
        image,
        {"bytes": PICTURE},
        {"path": folder / "a.png"},
    ):
        assert decoded(ad_of({"image": picture})).tobytes() == image.tobytes()
    assert problem(ad_of({"image": "not base64!"})) == "image_base64"
    assert problem(ad_of({"txt": "x"})) == "unknown_field"
    assert problem(ad_of({"market": "MARS"})) == "invalid_field"
    lost = ad_of({"id": "9", "file": folder / "none.png"})
    assert (lost.id, problem(lost)) == ("9", "image_unreadable")


FRAME = {"id": [1, 2], "text": ["one", None], "image": [None, PICTURE], "clicks": [3, 4]}


@pytest.mark.parametrize(
    "rows",
    [
        lambda frame: frame,
        lambda frame: frame.itertuples(),
        lambda frame: (row for _, row in frame.iterrows()),
        lambda frame: [frame],
    ],
)
def test_rows_of_a_pandas_frame(rows: Any) -> None:
    first, second = ads_of(rows(pd.DataFrame(FRAME)), market="CN")
    assert (first.id, first.text, first.image, first.market) == ("1", "one", None, "CN")
    assert (second.id, second.text, second.image) == ("2", "", PICTURE)
    assert not first.problem
    assert not second.problem


def test_what_a_frame_lacks_is_left_out() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "market": [np.nan, pd.NA], "deadline": pd.NaT})
    assert [(ad.text, problem(ad)) for ad in ads_of(frame)] == [("a", ""), ("b", "")]
    with pytest.raises(ValueError, match="none of the columns image, url, text, file"):
        list(ads_of(pd.DataFrame({"clicks": [1]})))


def test_a_column_of_a_frame_is_its_things(folder: Path) -> None:
    column = pd.DataFrame({"path": [str(folder / "a.png"), "https://cdn.example/1.png"]})["path"]
    first, second = ads_of(column)
    assert (first.id, second.url) == ("a.png", "https://cdn.example/1.png")


def test_rows_of_an_arrow_table() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"text": [f"t{n}" for n in range(150)], "image": [PICTURE] * 150})
    ads = list(ads_of(table))
    assert [ad.text for ad in ads] == [f"t{n}" for n in range(150)]
    assert ads[149].image == PICTURE


def test_rows_of_a_polars_frame() -> None:
    polars = pytest.importorskip("polars")
    first, second = ads_of(polars.DataFrame(FRAME))
    assert (first.id, first.text, second.image) == ("1", "one", PICTURE)


@pytest.mark.parametrize("nothing", [7, None, object(), [7], [["x"]], iter([None])])
def test_what_is_nothing_of_it_is_a_type_error(nothing: Any) -> None:
    with pytest.raises(TypeError, match=r"^not an ad: .*; expected an Ad, a path"):
        list(ads_of(nothing))


def test_several_ads_are_not_one(folder: Path) -> None:
    with pytest.raises(TypeError, match="2 ads, not one: use ads_of"):
        ad_of(folder)


def test_things_are_read_one_at_a_time(folder: Path) -> None:
    taken = 0

    def things() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield folder / "a.png"

    ads = ads_of(things())
    next(ads)
    next(ads)
    assert taken == 2


async def test_the_client_takes_them_all(
    servers: FakeServers, service: FakeService, folder: Path
) -> None:
    async def live() -> AsyncIterator[Any]:
        yield folder
        yield Ad(id="ad", text="x")
        yield {"id": "row", "text": "cures"}
        yield folder / "none.png"

    async with AsyncClient(servers.urls["http"]) as client:
        decisions = await client.review_all(live())
        assert [(d.ad_id, d.outcome) for d in decisions] == [
            ("a.png", "approve"),
            ("sub/b.jpg", "approve"),
            ("ad", "approve"),
            ("row", "reject"),
            (str(folder / "none.png"), "error"),
        ]
        (one,) = await client.review_all(PICTURE)
        assert one.outcome == "approve"
        with pytest.raises(TypeError, match="not an ad: int"):
            await client.review_all(7)  # type: ignore[arg-type]


async def test_embeddings_and_searches_answer_for_unreadable_ads_too(
    url: str, service: FakeService, folder: Path
) -> None:
    things = [folder / "a.png", folder / "none.png", {"text": "abc"}]
    async with AsyncClient(url, request_size=2) as client:
        embedded = await client.embed(things)
        found = await client.search(things, limit=1)
    assert [one.problem.code if one.problem else "" for one in embedded] == [
        "",
        "image_unreadable",
        "",
    ]
    assert [len(one.matches) for one in found] == [1, 0, 1]


def test_the_synchronous_client_takes_a_generator(servers: FakeServers, folder: Path) -> None:
    with Client(servers.urls["http"]) as client:
        decisions = list(client.review((p for p in [folder / "a.png", "cures"]), ordered=True))
    assert [decision.outcome for decision in decisions] == ["approve", "error"]
