"""Pictures from strangers: decode them safely, and name them by content."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from adjudicate.errors import AdError, Code
from executors.shared.settings import ImageLimits

# Plugins are registered once, here: Pillow's lazy registration is not safe between threads.
Image.init()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What a browser or a print shop uses. Pillow knows some forty more, old and little tested."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(data: bytes, limits: ImageLimits, at_least: int = 0) -> Image.Image:
    """The picture as a viewer sees it: RGB, turned by its EXIF, on white where it is transparent.

    With `at_least`, a JPEG comes at the smallest of the scales 1, 1/2, 1/4, 1/8 that leaves both
    sides as many pixels: its decoder then skips the high frequencies, and most of the work. Every
    byte is read all the same. Other formats come in full.

    Animated pictures and documents of several pages are refused, not reduced to their first
    frame: a violation in a later frame must not slip through. A JPEG with secondary pictures
    (MPO: previews, gain maps, depth) is taken by its primary one, the only one that browsers show.
    ICC profiles are not applied. Safe to call from several threads.

    Raises `AdError` with IMAGE_EMPTY, IMAGE_TOO_LARGE, IMAGE_UNREADABLE, IMAGE_TRUNCATED,
    IMAGE_TOO_MANY_PIXELS (from the header, before any pixel is decoded) or IMAGE_ANIMATED.
    """
    if not data:
        raise AdError(Code.IMAGE_EMPTY)
    if len(data) > limits.max_bytes:
        detail = f"{len(data)} bytes; at most {limits.max_bytes} are allowed"
        raise AdError(Code.IMAGE_TOO_LARGE, detail)
    _check_pixels(_png_size(data), limits)
    with _open(data, limits) as image:
        _check_pixels(image.size, limits)
        if _has_more_frames(image, data):
            raise AdError(Code.IMAGE_ANIMATED)
        if at_least:
            image.draft(None, (at_least, at_least))  # only Pillow's JPEG plug-in does anything
        return _pixels(image, data)


def _open(data: bytes, limits: ImageLimits) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(limits) from None
    except MemoryError:
        raise
    except Exception as error:  # a parser of hostile bytes fails in every way there is
        raise _undecodable(error, data) from error


def _pixels(image: Image.Image, data: bytes) -> Image.Image:
    try:
        image.load()
        return _turned(_flat(image), _orientation(image))
    except MemoryError:
        raise
    except Exception as error:
        raise _undecodable(error, data) from error


def _undecodable(error: Exception, data: bytes) -> AdError:
    short = isinstance(error, EOFError) or "runcated" in str(error) or _ends_early(data)
    return AdError(Code.IMAGE_TRUNCATED if short else Code.IMAGE_UNREADABLE)


def _ends_early(data: bytes) -> bool:
    """Whether a known container misses its end mark, or bytes that its header promises."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if data.startswith(b"\xff\xd8\xff"):
        return b"\xff\xd9" not in data
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        order = "little" if data.startswith(b"II") else "big"
        return int.from_bytes(data[4:8], order) + 2 > len(data)  # type: ignore[arg-type]
    if data[4:8] == b"ftyp":
        end = 0
        while 0 <= end < len(data) - 8:
            size = int.from_bytes(data[end : end + 4], "big")
            if size < 8:  # 0: to the end of the file; 1: a 64-bit size, of no use in a picture
                return False
            end += size
        return end != len(data)
    return False


def _png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG's header, which Pillow does not tell without pixel data."""
    if data.startswith(b"\x89PNG") and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return 0, 0


def _check_pixels(size: tuple[int, int], limits: ImageLimits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise _too_many_pixels(limits, size)


def _too_many_pixels(limits: ImageLimits, size: tuple[int, int] | None = None) -> AdError:
    seen = f"{size[0]} x {size[1]} pixels" if size else "Too many pixels"
    return AdError(
        Code.IMAGE_TOO_MANY_PIXELS, f"{seen}; at most {limits.max_pixels} in all are allowed"
    )


def _has_more_frames(image: Image.Image, data: bytes) -> bool:
    if image.format == "MPO":
        return False
    if image.format == "PNG" and b"acTL" in data[: data.find(b"IDAT")]:
        # A browser shows the animation, even of one frame, instead of the picture that we decode.
        return b"fdAT" in data or bool(getattr(image, "is_animated", False))
    # `is_animated` looks for a second frame only; `n_frames` would walk through all of them.
    return bool(getattr(image, "is_animated", False))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or it cannot be read.

    XMP's is left alone, as browsers do. TIFF's was applied by Pillow on loading.
    """
    raw = image.info.get("exif")
    if not raw or image.format == "TIFF":
        return 1
    exif = Image.Exif()
    try:
        exif.load(raw)
        return int(exif.get(_ORIENTATION, 1))
    except Exception:  # broken EXIF: viewers show the picture as it lies
        return 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _flat(image: Image.Image) -> Image.Image:
    """The picture in 8-bit RGB, on white."""
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode in ("I", "F"):
        raise ValueError("32-bit samples have no agreed range")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8 bits; Pillow's own conversion clips at 255."""
    samples = np.asarray(image)
    grey = np.rint(samples.astype(np.float32) / 257.0).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[samples == transparent] = 255
    return Image.fromarray(grey)
