"""Grafana's units, as short text."""

from __future__ import annotations

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def shown(value: float, unit: str) -> str:
    """`0.0123` in `s` is `12.3 ms`. A unit that is not known adds nothing to the number."""
    if unit == "s":
        return _seconds(value)
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "bytes":
        for factor, name in ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB")):
            if abs(value) >= factor:
                return f"{value / factor:.3g} {name}"
        return f"{value:.3g} B"
    after = {"celsius": " °C", "ops": "/s", "reqps": "/s"}.get(unit, "")
    for factor, name in _PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.3g} {name}{after}"
    return f"{value:.3g}{after}"


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    if abs(value) < 1e-3:
        return f"{1e6 * value:.3g} µs"
    return f"{1e3 * value:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
