"""The library's part of the figures on quality: the sample, the reference, and the drift."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from docarray import DocList
from sqlalchemy import Row

from adjudicate.documents import Case, Drift, Quality, Reference
from adjudicate.errors import AdError, Code
from executors.library.index import FollowingIndex
from executors.library.quality.drift import drifts, reference_content
from executors.library.quality.samples import Sample, SampleStore
from executors.library.quality.sampling import Sampler
from executors.shared.quality.refreshing import Refreshing
from executors.shared.quality.windows import window_hours
from executors.shared.settings import Settings

_MOST_TEXT = {"created_by": 200, "note": 10_000}


class DriftWatch:
    """Samples the ads that the library screens, and says how they drift.

    All but `offer` blocks for the database: call it from a thread.
    """

    def __init__(self, settings: Settings, index: FollowingIndex) -> None:
        """Raises `ConfigurationError` for a database that cannot be opened."""
        self._settings = settings.quality
        self._store = SampleStore(settings.database, self._settings.most_samples)
        self._sampler = Sampler(self._settings.sample_per_minute, index.current)
        self._drift: Refreshing[list[Drift]] = Refreshing(
            "drift", self._refreshed, self._settings.refresh_s, []
        )
        self._drift.start()

    def offer(self, cases: Iterable[Case]) -> None:
        """Ads that were screened, still with their embeddings."""
        self._sampler.offer(cases)

    def fill(self, quality: Quality) -> None:
        """Write what is known of the document's window on it.

        Raises `AdError` `invalid_field` for a window that cannot be.
        """
        quality.hours = window_hours(quality.hours, self._settings.window_h)
        drift = self._drift_of(quality.hours)
        now = datetime.now(UTC)
        quality.since = _iso(now - timedelta(hours=quality.hours))
        encoder, library = self._store.newest()
        quality.encoder_version, quality.library_version = encoder, str(library) if encoder else ""
        quality.sampled = self._store.window(encoder, quality.since, _iso(now))[0]
        row = self._store.reference(encoder)
        quality.reference = _document(row) if row else None
        quality.drift = DocList[Drift](drift)
        quality.notes = [*quality.notes, *self._notes(quality)]

    def set_reference(self, asked: Reference) -> Reference:
        """Make the last `asked.hours` of the newest encoder's sample the reference.

        Raises `AdError`: `invalid_field`, or `too_few_ads` where the sample has not enough.
        """
        for name, most in _MOST_TEXT.items():
            if len(text := getattr(asked, name)) > most or "\0" in text:
                raise AdError(Code.INVALID_FIELD, f"{name} is too long, or has a NUL")
        hours = window_hours(asked.hours, self._settings.window_h)
        self._store.add(self._sampler.measured())
        now = datetime.now(UTC)
        since, until = _iso(now - timedelta(hours=hours)), _iso(now)
        encoder, library = self._store.newest()
        count, samples = self._store.window(encoder, since, until)
        content = reference_content(samples, self._settings.least_ads)
        if not content:
            least = self._settings.least_ads
            detail = f"the last {hours:g} h have {count:,} sampled ads; a reference takes {least:,}"
            raise AdError(Code.TOO_FEW_ADS, detail)
        self._store.add_reference(
            {
                "encoder_version": encoder,
                "library_version": library,
                "since": samples[0].at,
                "until": until,
                "ads": count,
                "content": json.dumps(content),
                "note": asked.note,
                "created_by": asked.created_by,
                "created_at": until,
            }
        )
        self._drift.now()
        row = self._store.reference(encoder)
        assert row is not None
        return _document(row)

    def sampled(self, hours: float) -> tuple[str, list[Sample]]:
        """The newest encoder version, empty without a sample, and its sample of the last hours, up
        to this moment.

        Raises `AdError` `invalid_field` for a window that cannot be.
        """
        self._store.add(self._sampler.measured())
        encoder, _ = self._store.newest()
        now = datetime.now(UTC)
        since = _iso(now - timedelta(hours=window_hours(hours, self._settings.window_h)))
        return encoder, self._store.window(encoder, since, _iso(now))[1]

    def indexes(self) -> list[tuple[float, dict[str, str]]]:
        """The latest PSI of each feature, for the metrics."""
        return [
            (drift.psi, {"feature": drift.feature})
            for drift in self._drift.found
            if drift.psi is not None
        ]

    def close(self) -> None:
        """End the thread and the connections."""
        self._drift.close()
        self._store.close()

    def _drift_of(self, hours: float) -> list[Drift]:
        """Up to this moment; of the usual window the metrics too."""
        if hours == self._settings.window_h:
            return self._drift.now()
        self._store.add(self._sampler.measured())
        return self._drifts(hours)

    def _refreshed(self) -> list[Drift]:
        self._store.add(self._sampler.measured())
        return self._drifts(self._settings.window_h)

    def _drifts(self, hours: float) -> list[Drift]:
        encoder, _ = self._store.newest()
        row = self._store.reference(encoder)
        now = datetime.now(UTC)
        since = _iso(now - timedelta(hours=hours))
        # What the reference was made of is not held against it.
        since = max(since, row.until) if row else since
        samples = self._store.window(encoder, since, _iso(now))[1]
        content = json.loads(row.content) if row else {}
        return drifts(content, samples, self._settings.least_ads)

    def _notes(self, quality: Quality) -> list[str]:
        if not self._settings.sample_per_minute:
            return ["No ads are sampled: ADJUDICATE_QUALITY__SAMPLE_PER_MINUTE is 0."]
        if not quality.encoder_version:
            return ["No ad has been sampled yet."]
        reference = quality.reference
        if reference is None:
            return [self._without_reference(quality.encoder_version)]
        if reference.library_version != quality.library_version:
            return [
                f"The library is at version {quality.library_version}, the reference was made at "
                f"{reference.library_version}: other exemplars move the similarities too."
            ]
        return []

    def _without_reference(self, encoder: str) -> str:
        how = "`adjudicate quality reference` sets one"
        other = self._store.newest_reference()
        if other is None:
            return f"There is no reference to measure drift against: {how}."
        return (
            f"The reference of {other.created_at[:16]} was made with encoder "
            f"{other.encoder_version}; {encoder} serves now, so it is void: {how}."
        )


def _document(row: Row[Any]) -> Reference:
    begin, end = datetime.fromisoformat(row.since), datetime.fromisoformat(row.until)
    return Reference(
        id=str(row.number),
        hours=round((end - begin).total_seconds() / 3_600, 4),
        encoder_version=row.encoder_version,
        library_version=str(row.library_version),
        since=row.since,
        until=row.until,
        ads=row.ads,
        note=row.note,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
