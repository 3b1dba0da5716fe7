"""What a decision stands on: what the ad resembles, and what the judge read in it."""

from adjudicate.wire import Document


class Match(Document):
    """A known exemplar that the ad resembles, or a term of the policy that stands in its copy."""

    exemplar_id: str
    """Empty for a term."""
    category: str = ""
    rule: str = ""
    polarity: str = "violation"
    severity: str = ""
    """The exemplar's or the rule's: `low`, `medium` or `high`."""
    similarity: float = 0.0
    """Cosine for `image`, `text` and `image-text`; 1 − distance/bits for `hash`; 1 for `term`."""
    signal: str = "image"
    """What is alike: both pictures (`image`, or as copies `hash`), both texts (`text`), the ad's
    picture and the exemplar's text (`image-text`); or a `term` of the rule in the ad's copy."""
    threshold: float = 0.0
    matched: str = ""
    """The words of the ad's copy that are the term, as they stand there."""


class Finding(Document):
    """One claim of the ad that the judge read, and the rule it was held against."""

    rule: str = ""
    claim: str = ""
    rationale: str = ""
    verdict: str = ""
    probability: float = 0.0
