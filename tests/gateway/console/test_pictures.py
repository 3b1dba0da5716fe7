"""Pictures are decoded and made small here; a browser never gets a stranger's bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from adjudicate.errors import AdError, Code, RequestError
from executors.gateway.caller import Scope
from executors.gateway.console.pictures import WIDTHS, side_of, small
from executors.shared.settings import ImageLimits
from tests.gateway.console.conftest import Desk

HASH = "ab" * 32


def picture(width: int = 1200, height: int = 600) -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", (width, height), (200, 30, 90))
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_picture_is_made_as_small_as_it_is_shown() -> None:
    made = Image.open(io.BytesIO(small(picture(), 480, ImageLimits())))
    assert (made.format, made.size) == ("WEBP", (480, 240))


def test_a_small_picture_stays_as_it_is() -> None:
    made = Image.open(io.BytesIO(small(picture(60, 40), 480, ImageLimits())))
    assert made.size == (60, 40)


def test_what_a_picture_says_of_itself_goes_no_further() -> None:
    assert b"where it was taken" not in small(picture(), 960, ImageLimits())


def test_what_is_too_large_is_not_decoded() -> None:
    with pytest.raises(AdError) as refused:
        small(picture(), 96, ImageLimits(max_pixels=1_000))
    assert refused.value.code is Code.IMAGE_TOO_MANY_PIXELS


@pytest.mark.parametrize(
    ("asked", "side"),
    [("1", 96), ("96", 96), ("97", 240), ("9999", 1920), ("x", 1920), (None, 1920), ("-5", 96)],
)
def test_there_are_few_sizes(asked: str | None, side: int) -> None:
    assert side_of(asked) == side
    assert side in WIDTHS


async def test_it_is_kept_by_the_browser_and_is_never_a_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stored(name: str) -> bytes:
        assert name == HASH
        return picture()

    monkeypatch.setattr(desk.console.api.records, "picture", stored)
    browser = await desk.signed_in(Scope.CONSOLE)
    answer = await browser.get(f"/pictures/{HASH}?w=96")
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    assert "private" in answer.headers["cache-control"]
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await desk.browser().get(f"/pictures/{HASH}")).status_code == 303


async def test_a_picture_that_is_gone_is_not_found(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(name: str) -> bytes:
        raise RequestError(Code.NOT_FOUND, "it is not kept")

    monkeypatch.setattr(desk.console.api.records, "picture", gone)
    browser = await desk.signed_in(Scope.AUDIT)
    assert (await browser.get(f"/pictures/{HASH}")).status_code == 404
