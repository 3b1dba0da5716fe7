"""Pictures that are almost the same, measured on what the judge sees.

The distance of two pictures is the largest difference of any pixel in any channel, 0 to 255. Not
that of perceptual hashes: two headlines of which one says 7 days and the other 9 have the same.
Measured (`benchmarks/near_identical.py`: 24 pictures encoded anew, 270 headlines and 3,360 lines of
print of 9 to 48 pixels in which one character was changed):

| pair                            | as they are  | blurred       |
|---------------------------------|--------------|---------------|
| JPEG of quality 95, median, most| 29           | 7, 22         |
| JPEG of quality 75, median, most| 53           | 13, 24        |
| scaled by 1 %, median, most     | 58           | 3, 8          |
| headline edited, least          | 77           | 52            |
| print edited, 64 levels, least  | 30           | 55 % below 25 |
| print edited, 8 levels, least   | 4            | all below 25  |

So up to `SAME` nothing differs that can be read, and no lossy encoding reaches it; up to `LIKE`
stand nearly all encodings and no edit of a headline, but edits of small or faint print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

SAME = 3
"""Distance, 0 to 255, up to which two pictures of one size say the same."""
LIKE = 24
"""Distance, 0 to 255, of the blurred pictures, up to which one is a re-encoding of the other."""
BLUR = 2.0
"""Standard deviation in pixels. It takes out most of what an encoder adds, and no headline."""
SCALE = 0.02
"""Share by which the sides of two pictures that are alike may differ."""
_CELLS = 16

Pixels = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Look:
    """A picture as far as the judge sees it, to be held against others."""

    size: tuple[int, int]
    """Of the picture itself."""
    seen: Image.Image
    """RGB, reduced to what the judge sees at most."""
    cells: Pixels
    """`[16, 16, 3]`: the mean of each cell. Two pictures are never nearer than their cells."""

    @classmethod
    def of(cls, image: Image.Image, max_pixels: int) -> Look:
        """The look of an RGB picture; `max_pixels` is what the judge sees at most."""
        shrink = (max_pixels / (image.width * image.height)) ** 0.5
        seen = image
        if shrink < 1:
            sides = (max(1, int(image.width * shrink)), max(1, int(image.height * shrink)))
            seen = image.resize(sides, Image.Resampling.BOX, reducing_gap=2.0)
        cells = seen.resize((_CELLS, _CELLS), Image.Resampling.BOX)
        return cls(image.size, seen, np.asarray(cells, np.int16))

    def may_be_like(self, other: Look) -> bool:
        """Whether `like` is worth asking: cheap, and never False for two that are alike."""
        near = all(abs(a - b) <= SCALE * b for a, b in zip(self.size, other.size, strict=True))
        return near and distance(self.cells, other.cells) <= LIKE

    def same(self, other: Look) -> bool:
        """Whether nothing that can be read stands in one and not in the other."""
        return self.size == other.size and distance(_array(self.seen), _array(other.seen)) <= SAME

    def like(self, other: Look) -> bool:
        """Whether one may be the other encoded or scaled anew. A headline never differs by a
        character; a character of faint or small print may."""
        theirs = other.seen
        if theirs.size != self.seen.size:
            theirs = theirs.resize(self.seen.size, Image.Resampling.BICUBIC)
        blur = ImageFilter.GaussianBlur(BLUR)
        return distance(_array(self.seen.filter(blur)), _array(theirs.filter(blur))) <= LIKE


def distance(one: Pixels, other: Pixels) -> int:
    """The largest difference of any pixel in any channel, 0 to 255; arrays of one shape."""
    return int(np.abs(one - other).max())


def _array(image: Image.Image) -> Any:
    return np.asarray(image, np.int16)
