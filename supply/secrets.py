"""Look for secrets in the tree: `.venv/tools/bin/python -m supply.secrets`, by detect-secrets.

Its own command writes the baseline anew wherever a line moved, and scans on one core. This scans on
all, only what changed since the last scan, and leaves the baseline alone. What it knows and a
person has marked as no secret passes; anything else is told by file and line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

BASELINE = Path(".secrets.baseline")
SCANNED = Path(".venv/.secrets")
"""Its time is that of the last scan; it names the files in which that found something."""

_ADVICE = (
    "A secret belongs into the environment, and this one is to be revoked. If it is none, mark its "
    "line `pragma: allowlist secret`, or take it into the baseline by `make secrets`."
)


def main() -> int:
    """Scan the tree of the working folder. Return 1 where there is what nobody has audited."""
    known = json.loads(BASELINE.read_text(encoding="utf-8"))
    begun = time.time_ns()  # what is saved while it scans is scanned the next time
    found = scan(changed(), known)
    SCANNED.write_text("".join(f"{one.filename}\n" for one in found), encoding="utf-8")
    os.utime(SCANNED, ns=(begun, begun))
    if found:
        said = sorted({f"{one.filename}:{one.line_number}: {one.type}" for one in found})
        print("\n".join([*said, _ADVICE]), file=sys.stderr)
    return 1 if found else 0


def scan(files: list[str], known: dict[str, object]) -> list[PotentialSecret]:
    """Return what is found in `files` and is not in the baseline, audited and no secret.

    `known` is a baseline as detect-secrets writes it; its plugins and filters are used.
    """
    harmless = SecretsCollection()
    for secret in _audited(known):
        harmless[secret.filename].add(secret)
    found = SecretsCollection()
    with transient_settings(known):
        if files:
            found.scan_files(*files)
        new = found - harmless
    return [secret for _, secret in new]


def _audited(known: dict[str, object]) -> list[PotentialSecret]:
    every = SecretsCollection.load_from_baseline(known)
    return [secret for _, secret in every if secret.is_secret is False]


def changed() -> list[str]:
    """Return the files to scan: tracked or new, not ignored, and changed since the last scan.

    Those in which that found something too; after a change of the baseline or of this module, all.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    files = sorted({name for name in listed if name and Path(name).is_file()})
    if not SCANNED.exists():
        return files
    last = SCANNED.stat().st_mtime
    if max(BASELINE.stat().st_mtime, Path(__file__).stat().st_mtime) >= last:
        return files
    suspect = set(SCANNED.read_text(encoding="utf-8").splitlines())
    return [name for name in files if name in suspect or Path(name).stat().st_mtime >= last]


if __name__ == "__main__":
    sys.exit(main())
