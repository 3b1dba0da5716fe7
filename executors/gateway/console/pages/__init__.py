"""The console's pages: each module adds its own."""

from __future__ import annotations

from collections.abc import Callable

from executors.gateway.console.console import Console
from executors.gateway.console.pages.appeals import add_appeals
from executors.gateway.console.pages.audit import add_audit
from executors.gateway.console.pages.case import add_case
from executors.gateway.console.pages.exemplars import add_exemplars
from executors.gateway.console.pages.library import add_library
from executors.gateway.console.pages.overview import add_overview
from executors.gateway.console.pages.pictures import add_pictures
from executors.gateway.console.pages.policies import add_policies
from executors.gateway.console.pages.propagations import add_propagations
from executors.gateway.console.pages.quality import add_quality
from executors.gateway.console.pages.queue import add_queue
from executors.gateway.console.pages.search import add_search
from executors.gateway.console.pages.sign_in import add_sign_in
from executors.gateway.console.pages.thresholds import add_thresholds

PAGES: tuple[Callable[[Console], None], ...] = (
    add_sign_in,
    add_queue,
    add_case,
    add_pictures,
    add_library,
    add_exemplars,
    add_policies,
    add_thresholds,
    add_search,
    add_quality,
    add_propagations,
    add_overview,
    add_audit,
    add_appeals,
)


def add_pages(console: Console) -> Console:
    """Every page."""
    for add in PAGES:
        add(console)
    return console
