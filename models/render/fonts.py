"""The shipped faces by name. The held-out ones are for measuring and are never trained on."""

from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

FONTS_DIR = Path(__file__).with_name("fonts")

HELD_OUT_FONTS = ("open-sans", "microhei")
CJK_FONTS = (
    "noto-sans-sc",
    "noto-sans-sc-black",
    "noto-serif-sc",
    "noto-serif-sc-black",
    "zcool-xiaowei",
    "zcool-huangyou",
    "zcool-kuaile",
    "lubrifont",
    "ma-shan-zheng",
    "wenkai",
    "wenkai-mono",
    "microhei",
)


@cache
def font_files() -> dict[str, Path]:
    """Name of each face to its file."""
    return {path.stem: path for path in sorted(FONTS_DIR.glob("*.[ot]tf"))}


SEEN_FONTS = tuple(name for name in font_files() if name not in HELD_OUT_FONTS)


def renders(name: str, language: str) -> bool:
    """Whether the face may set a text in `language`: a Latin one sets English only."""
    return language == "en" or name in CJK_FONTS


@lru_cache(maxsize=4096)
def load_font(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    """The face at a size in pixels."""
    engine = ImageFont.Layout.BASIC
    return ImageFont.truetype(str(font_files()[name]), pixels, layout_engine=engine)
