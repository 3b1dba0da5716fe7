"""Rendered product ads with a known claim as the headline."""

from models.render.claims import COMPLIANT, VIOLATING, Claim, load_claims
from models.render.fonts import HELD_OUT_FONTS, SEEN_FONTS
from models.render.render import HELD_OUT_LAYOUTS, SEEN_LAYOUTS, Glyph, Rendered, render

__all__ = [
    "COMPLIANT",
    "HELD_OUT_FONTS",
    "HELD_OUT_LAYOUTS",
    "SEEN_FONTS",
    "SEEN_LAYOUTS",
    "VIOLATING",
    "Claim",
    "Glyph",
    "Rendered",
    "load_claims",
    "render",
]
