"""What content is: the same hash in the client, on disk, and in the library."""

from __future__ import annotations

import hashlib


def content_hash(image: bytes | None, text: str) -> str:
    """SHA-256, hex, of a picture's bytes and its copy. No two different pairs share their input."""
    digest = hashlib.sha256()
    for part in (image, text.encode("utf-8", "surrogatepass")):
        digest.update(b"-" if part is None else b"%d:" % len(part))
        digest.update(part or b"")
    return digest.hexdigest()
