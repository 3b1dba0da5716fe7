"""What a reader should know of figures: sentences, each with a code to translate it by."""

from __future__ import annotations

from adjudicate.documents import Note

NOTES = {
    "none_settled": "Nobody has settled a case of this window: the figures are empty.",
    "rejections_unanswered": (
        "No rejection of the random sample was answered: the precision of rejections is not known. "
        "Appealed ones alone say nothing of the others."
    ),
    "audit_unanswered": (
        "Of a part of the audit sample nobody answered any: what the screen misses is open."
    ),
    "few_audited": "{count} ads of the audit sample were answered: the bounds say how few.",
    "only_what_was_seen": (
        "Judge and people are compared on what people saw, mostly escalations: on the ads that the "
        "judge is sure of they agree more often."
    ),
    "none_resemble": "Nobody has answered an ad yet that resembles this category in this signal.",
    "few_answered": "{count} ads were answered: the bounds say how little that is.",
    "mostly_escalations": (
        "Answered ads are mostly escalations: what the judge was sure of is not among them. Recall "
        "is a share of the violations that were flagged at all."
    ),
    "nothing_below": (
        "Nothing below {lowest} was recorded: what a lower threshold would find, only the sample "
        "of the library can tell."
    ),
    "match_limit": (
        "Between pictures, and between texts, no threshold is above {limit}: what is almost an "
        "exemplar always matches it."
    ),
    "none_sampled": "The library has no sampled ads of this window by category yet.",
}


def note(code: str, **values: object) -> Note:
    """The note of a code, its sentence filled in. Raises `KeyError` for what is no code."""
    filled = {name: str(value) for name, value in values.items()}
    return Note(code=code, text=NOTES[code].format(**filled), values=filled)
