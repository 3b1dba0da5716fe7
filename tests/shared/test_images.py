"""Every kind of picture that a stranger may send, as real bytes."""

from __future__ import annotations

import io
import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adjudicate.content import content_hash
from adjudicate.errors import AdError, Code
from executors.shared.images import decode
from executors.shared.settings import ImageLimits

LIMITS = ImageLimits()
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(width: int = 96, height: int = 64) -> Image.Image:
    """Red left, blue right, a green bar on top: no two orientations look alike."""
    image = Image.new("RGB", (width, height), "blue")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2, height), fill="red")
    draw.rectangle((0, 0, width, height // 4), fill="lime")
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: np.ndarray, colour_type: int, extra: bytes = b"") -> bytes:
    """A 16-bit PNG of `samples [H, W(, C)] uint16`."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))
    return SIGNATURE + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def code_of(data: bytes, limits: ImageLimits = LIMITS) -> Code:
    with pytest.raises(AdError) as caught:
        decode(data, limits)
    return caught.value.code


def near(image: Image.Image, point: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    seen = image.getpixel(point)
    return max(abs(a - b) for a, b in zip(seen, colour, strict=True)) <= 12


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_safe_format_is_decoded_to_rgb(kind: str) -> None:
    image = decode(saved(picture(), kind), LIMITS)
    assert (image.mode, image.size) == ("RGB", (96, 64))
    assert near(image, (10, 40), (255, 0, 0))
    assert near(image, (80, 40), (0, 0, 255))


def test_no_bytes_are_empty() -> None:
    assert code_of(b"") is Code.IMAGE_EMPTY


def test_too_many_bytes_are_refused_unread() -> None:
    assert code_of(b"x" * 101, ImageLimits(max_bytes=100)) is Code.IMAGE_TOO_LARGE


@pytest.mark.parametrize("data", [b"hello", b"<svg xmlns='x'/>", b"%PDF-1.7", b"\0" * 1000])
def test_what_is_no_image_is_unreadable(data: bytes) -> None:
    assert code_of(data) is Code.IMAGE_UNREADABLE


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PCX", "EPS"])
def test_formats_off_the_list_are_unreadable(kind: str) -> None:
    assert code_of(saved(picture(), kind)) is Code.IMAGE_UNREADABLE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_picture_cut_short_is_truncated(kind: str, share: float) -> None:
    noise = Image.effect_noise((200, 150), 80).convert("RGB")
    data = saved(noise, kind)
    assert code_of(data[: int(len(data) * share)]) is Code.IMAGE_TRUNCATED


def test_a_compressed_tiff_cut_before_its_directory_is_truncated() -> None:
    data = saved(picture(), "TIFF", compression="tiff_lzw")
    assert code_of(data[: len(data) // 2]) is Code.IMAGE_TRUNCATED


def test_pixels_over_the_limit_are_refused() -> None:
    assert code_of(saved(picture(), "JPEG"), ImageLimits(max_pixels=6000)) is (
        Code.IMAGE_TOO_MANY_PIXELS
    )


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000, 2**31 - 1])
@pytest.mark.parametrize("rest", [b"", chunk(b"IEND"), chunk(b"IDAT", b"\0") + chunk(b"IEND")])
def test_a_bomb_is_refused_by_its_header(side: int, rest: bytes) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    assert code_of(SIGNATURE + header + rest) is Code.IMAGE_TOO_MANY_PIXELS


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 40_000])
def test_a_bomb_of_another_format_is_refused_by_its_header(side: int) -> None:
    data = bytearray(saved(picture(), "BMP"))
    data[18:26] = struct.pack("<ii", side, side)
    assert code_of(bytes(data)) is Code.IMAGE_TOO_MANY_PIXELS


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_more_than_one_frame_is_refused(kind: str) -> None:
    other = picture().transpose(Image.Transpose.ROTATE_180)
    data = saved(picture(), kind, save_all=True, append_images=[other])
    assert code_of(data) is Code.IMAGE_ANIMATED


def test_an_apng_that_hides_one_frame_behind_its_still_is_refused() -> None:
    """`default_image`: old viewers show the still, browsers the animation."""
    other = picture().transpose(Image.Transpose.ROTATE_180)
    data = saved(picture(), "PNG", save_all=True, default_image=True, append_images=[other])
    assert code_of(data) is Code.IMAGE_ANIMATED


def test_a_photo_with_a_secondary_picture_is_taken_by_its_first() -> None:
    other = Image.new("RGB", (96, 64), "black")
    data = saved(picture(), "MPO", save_all=True, append_images=[other])
    assert near(decode(data, LIMITS), (10, 40), (255, 0, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    upright = picture()
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(saved(stored, kind, exif=exif), LIMITS)
    assert image.size == upright.size
    difference = np.abs(np.asarray(image, int) - np.asarray(upright, int))
    assert difference.mean() < 6


def test_broken_exif_leaves_the_picture_as_it_lies() -> None:
    data = saved(picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode(data, LIMITS).size == (96, 64)


def test_cmyk_keeps_its_colours() -> None:
    for kind in ("JPEG", "TIFF"):
        image = decode(saved(picture().convert("CMYK"), kind), LIMITS)
        assert near(image, (10, 40), (255, 0, 0)), kind
        assert near(image, (80, 40), (0, 0, 255)), kind


def test_cmyk_without_adobes_marker_is_read_inverted_as_browsers_do() -> None:
    data = saved(picture().convert("CMYK"), "JPEG", quality=95)
    start = data.index(b"\xff\xee")
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    assert data[start + 4 : start + 9] == b"Adobe"
    image = decode(data[:start] + data[start + 2 + length :], LIMITS)
    assert near(image, (10, 40), (255, 0, 0))


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    expected = np.rint(ramp / 257).astype(int)
    for data in (
        saved(Image.fromarray(ramp), "PNG"),
        saved(Image.fromarray(ramp), "TIFF"),
        saved(Image.fromarray(ramp.astype(">u2")), "TIFF"),
    ):
        grey = np.asarray(decode(data, LIMITS), int)[..., 0]
        assert np.abs(grey - expected).max() <= 1


def test_sixteen_bit_grey_with_a_transparent_value_is_on_white() -> None:
    samples = np.full((8, 8), 30_000, np.uint16)
    samples[0, 0] = 77
    image = decode(png(samples, 0, chunk(b"tRNS", struct.pack(">H", 77))), LIMITS)
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert near(image, (4, 4), (117, 117, 117))


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_colour_and_alpha_keep_their_values(colour_type: int, channels: int) -> None:
    samples = np.full((8, 8, channels), 65535, np.uint16)
    samples[..., 0] = 32768
    image = decode(png(samples, colour_type), LIMITS)
    assert near(image, (4, 4), (128, 128, 128) if channels == 2 else (128, 255, 255))


@pytest.mark.parametrize("kind", ["I", "F"])
def test_thirty_two_bit_samples_are_unreadable(kind: str) -> None:
    assert code_of(saved(Image.new(kind, (8, 8), 70_000), "TIFF")) is Code.IMAGE_UNREADABLE


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_on_white(mode: str) -> None:
    image = picture().convert("L").convert(mode) if mode == "LA" else picture().convert(mode)
    alpha = Image.new("L", image.size, 0)
    alpha.paste(255, (0, 0, 48, 64))
    image.putalpha(alpha)
    shown = decode(saved(image, "PNG"), LIMITS)
    assert shown.getpixel((80, 40)) == (255, 255, 255)
    assert near(shown, (10, 40), (255, 0, 0) if mode == "RGBA" else (76, 76, 76))


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
def test_a_palette_with_transparency_is_on_white(transparency: int | bytes) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (4, 0, 8, 8))
    shown = decode(saved(image, "PNG", transparency=transparency), LIMITS)
    assert shown.getpixel((0, 0)) == (255, 0, 0)
    assert shown.getpixel((6, 0)) == (255, 255, 255)


def test_damaged_bytes_never_raise_anything_but_an_ad_error() -> None:
    rng = random.Random(7)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        whole = saved(picture(), kind)
        for _ in range(120):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 12)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            try:
                image = decode(bytes(data[: rng.randint(1, len(data))]), LIMITS)
            except AdError as error:
                assert error.code in Code  # noqa: PT017 - both ends are allowed
            else:
                assert image.mode == "RGB"


def test_threads_do_not_disturb_each_other() -> None:
    files = [saved(picture(40 + i, 30), "PNG") for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        sizes = [image.size for image in pool.map(lambda data: decode(data, LIMITS), files)]
    assert sizes == [(40 + i, 30) for i in range(40)]


def test_the_content_hash_tells_every_pair_apart() -> None:
    pairs = [
        (None, ""),
        (b"", ""),
        (b"a", "b"),
        (b"ab", ""),
        (None, "ab"),
        (b"1:a", ""),
        (b"", "a"),
    ]
    assert len({content_hash(image, text) for image, text in pairs}) == len(pairs)
    assert content_hash(b"a", "b") == content_hash(b"a", "b")
    assert len(content_hash(None, "\ud800")) == 64
