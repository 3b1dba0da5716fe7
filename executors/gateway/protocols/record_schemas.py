"""The named schemas of OpenAPI for what is on record: searches, case files, erasure and expiry."""

from __future__ import annotations

from typing import get_args

from adjudicate import documents as docs
from executors.gateway.operations.bodies import MAX_LIMIT
from executors.gateway.protocols.schemas import (
    TEXT,
    TRUTH,
    WHOLE,
    Schema,
    answered,
    answered_of,
    list_of,
    maybe,
    one_of,
    ref,
    taken,
)

_SHORT = {**TEXT, "maxLength": 1_000}
_HASH = {**TEXT, "pattern": "^([0-9a-f]{64})?$"}
_MOMENT = {**TEXT, "examples": ["2026-01-31", "2026-01-31T12:00:00Z"]}
_OUTCOME = one_of(get_args(docs.Outcome))
_AFTER = {**TEXT, "description": "Send it as `after` for the next page; empty on the last one."}
_NO_PROBLEM = ("problem",)

_ASK: Schema = {
    "id": maybe({**_SHORT, "description": "A decision's id or an ad's, exactly."}),
    "text": maybe({**_SHORT, "description": "Stands in the copy, however it is written."}),
    "picture": maybe({**_HASH, "description": "SHA-256 of a picture's bytes: these very bytes."}),
    "advertiser": maybe(_SHORT),
    "outcome": maybe({**_OUTCOME, "description": "Of the decision, or what people ruled since."}),
    "rule": maybe({**_SHORT, "description": "A code, or the beginning of one that ends in `*`."}),
    "copy_hash": maybe({**_HASH, "description": "Ads whose copy reads the same."}),
    "market": maybe(_SHORT),
    "product": maybe(_SHORT),
    "since": maybe({**_MOMENT, "description": "Decided then or later."}),
    "until": maybe({**_MOMENT, "description": "Decided before then."}),
    "limit": maybe({**WHOLE, "minimum": 1, "maximum": MAX_LIMIT}),
    "after": maybe({**_SHORT, "description": "As the page before this one gave it."}),
}
_DRY = maybe(
    {**TRUTH, "description": "Only count; `false` deletes, and cannot be undone.", "default": True}
)

RECORD_SCHEMAS: dict[str, Schema] = {
    "SearchDecisions": taken(
        "What decisions must be like: all of these. By a picture the nearest come first.",
        **_ASK,
        image=maybe(
            {
                **TEXT,
                "format": "byte",
                "contentEncoding": "base64",
                "description": "A picture: ads with near-duplicates of it.",
            }
        ),
        phash=maybe({**_HASH, "description": "PDQ hash: near-duplicates by it."}),
    ),
    "FoundDecisions": answered(
        "Decisions as lines of a list, and the hashes of the picture that was sent.",
        decisions=list_of("DecisionRow"),
        after=_AFTER,
        picture=TEXT,
        phash=TEXT,
    ),
    "DecisionRow": answered_of(docs.DecisionRow, _NO_PROBLEM, outcome=_OUTCOME),
    "ExportDecisions": taken("Which decisions: those that all of these hold of.", **_ASK),
    "ExportedDecisions": answered(
        "Decisions with their evidence, the oldest first.",
        decisions=list_of("ExportRow"),
        after=_AFTER,
    ),
    "ExportRow": answered_of(docs.ExportRow, _NO_PROBLEM, outcome=_OUTCOME),
    "CaseFile": answered_of(
        docs.CaseFile,
        _NO_PROBLEM,
        decision=maybe(ref("Decision")),
        evidence=maybe(ref("Evidence")),
        item=maybe(ref("CaseInFile")),
        reviews=list_of("ReviewInFile"),
        appeals=list_of("AppealInFile"),
        history=list_of("DecisionRow"),
        near=list_of("DecisionRow"),
    ),
    "Evidence": answered_of(docs.Evidence),
    "CaseInFile": answered_of(docs.QueueItem, _NO_PROBLEM),
    "ReviewInFile": answered_of(docs.Review, _NO_PROBLEM),
    "AppealInFile": answered_of(docs.Appeal, _NO_PROBLEM),
    "Erase": taken(
        "Whose personal fields and pictures go: an ad's or an advertiser's.",
        ad=maybe({**_SHORT, "description": "The id of an ad, or of one decision."}),
        advertiser=maybe({**_SHORT, "description": "Its name, exactly."}),
        dry_run=_DRY,
    ),
    "Erasure": answered_of(docs.Erasure, ("id", "by", "problem")),
    "Expire": taken("Delete what is past the time that it is kept.", dry_run=_DRY),
    "Expiry": answered_of(docs.Expiry, ("id", "by", "problem")),
}
