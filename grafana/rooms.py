"""One dashboard per room, each with its process at the end."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from executors.shared.telemetry import catalogue as c
from grafana.panels import Query, graph, heat, number, sheet
from grafana.parts import with_batches, with_caches, with_process, with_sql, with_stages
from grafana.promql import buckets, mean, newest, quantile, rate, series, share, total


def gateway() -> Dashboard:
    """`adjudicate-gateway`."""
    board = _room("gateway", "Three protocols, limits, canaries.")
    for panel in (
        graph(
            "Requests",
            "Answered a second, by endpoint.",
            Query(rate(c.REQUESTS, "endpoint"), "{{endpoint}}"),
            unit="reqps",
        ),
        graph(
            "Refused and failed",
            "Requests a second that got an error, by code.",
            Query(rate(c.REQUESTS, "code", where={"code": "!=ok"}), "{{code}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "Protocols",
            "Requests a second.",
            Query(rate(c.REQUESTS, "protocol"), "{{protocol}}"),
            unit="reqps",
            stacked=True,
        ),
        heat(
            "Time of requests",
            "How the requests of a moment are spread over the times they took.",
            buckets(c.REQUEST_SECONDS),
            unit="s",
        ),
        graph(
            "Endpoints, p95",
            "95 of 100 requests are answered within this time.",
            Query(quantile(0.95, c.REQUEST_SECONDS, "endpoint"), "{{endpoint}}", exemplars=True),
            unit="s",
        ),
        graph(
            "Its own time, p95",
            "What an ad spends in the gateway; `gateway.ROOM` is the way there and back.",
            Query(
                quantile(0.95, c.STAGE_SECONDS, "stage", where={"stage": "=~gateway.*"}),
                "{{stage}}",
            ),
            unit="s",
        ),
        graph(
            "Ads at work",
            "In flight, and waiting for a place.",
            Query(total(c.ADS_IN_FLIGHT), "in flight"),
            Query(total(c.ADS_WAITING), "waiting"),
        ),
        graph(
            "Canaries",
            "Through each room, by result, a second.",
            Query(rate(c.CANARIES, "room", "result"), "{{room}} {{result}}"),
            unit="ops",
        ),
        graph(
            "Canaries' time, p95",
            "A canary's way through a room.",
            Query(quantile(0.95, c.CANARY_SECONDS, "room"), "{{room}}"),
            unit="s",
        ),
    ):
        board.with_panel(panel)
    return with_process(board, "gateway")


def encoder() -> Dashboard:
    """`adjudicate-encoder`."""
    board = _room("encoder", "Decodes pictures; CLIP's embeddings.")
    with_stages(board, "encoder")
    with_batches(board, "encoder")
    return with_process(board, "encoder")


def library() -> Dashboard:
    """`adjudicate-library`."""
    board = _room("library", "Nearest known violations.")
    for panel in (
        number(
            "Violations",
            "Known violations in force. With none, nothing is flagged and everything is approved.",
            Query(newest(c.EXEMPLARS, where={"polarity": "violation"})),
            lines=(1,),
            good="above",
            width=4,
        ),
        number(
            "Look-alikes",
            "Known good ads in force.",
            Query(newest(c.EXEMPLARS, where={"polarity": "lookalike"})),
            width=4,
        ),
        number("Version", "Grows with every change.", Query(newest(c.LIBRARY_VERSION)), width=4),
        number(
            "Recall",
            "Share of the hits of an exact search that the index found.",
            Query(newest(c.SEARCH_RECALL)),
            unit="percentunit",
            lines=(0.99, 0.999),
            good="above",
            width=4,
        ),
        number(
            "Flagged",
            "Of the screened ads, those that a signal flagged. An ad may have several signals.",
            Query(share(rate(c.FLAGGED), rate(c.SCREENED))),
            unit="percentunit",
            width=4,
        ),
        number("Screened a second", "Ads.", Query(rate(c.SCREENED)), unit="ops", width=4),
        graph(
            "Search",
            "One search of a batch of ads in the index.",
            *(
                Query(quantile(at, c.SEARCH_SECONDS, "index"), f"{{{{index}}}} p{at * 100:g}")
                for at in (0.5, 0.95)
            ),
            unit="s",
        ),
        graph(
            "Audited hits",
            "Hits of searches that were repeated exactly, a second.",
            Query(rate(c.SEARCH_AUDITED, "result"), "{{result}}"),
            unit="ops",
        ),
        graph(
            "Flagged by",
            "Ads sent to the judge a second, by signal.",
            Query(rate(c.FLAGGED, "signal"), "{{signal}}"),
            unit="ops",
            stacked=True,
        ),
        *(
            heat(
                f"Similarity, {signal}",
                "How the ads' highest similarities to a known violation are spread.",
                buckets(c.SIMILARITY, {"signal": signal}),
                unit="none",
            )
            for signal in ("image", "text", "image-text")
        ),
    ):
        board.with_panel(panel)
    with_stages(board, "library")
    with_sql(board, "library")
    return with_process(board, "library")


def judge() -> Dashboard:
    """`adjudicate-judge`."""
    board = _room("judge", "Qwen2-VL reads what was flagged.")
    for panel in (
        graph(
            "Verdicts",
            "Ads judged a second.",
            Query(rate(c.JUDGED, "verdict"), "{{verdict}}"),
            unit="ops",
            stacked=True,
        ),
        graph(
            "From cache",
            "Share of the judged ads whose verdict was given before.",
            Query(share(rate(c.JUDGED, where={"cached": "true"}), rate(c.JUDGED)), "from cache"),
            unit="percentunit",
            most=1,
        ),
        graph(
            "Answers that were of no use",
            "A second, by reason. Such an ad is escalated.",
            Query(rate(c.JUDGE_INVALID, "reason"), "{{reason}}"),
            unit="ops",
            stacked=True,
        ),
        graph(
            "Tokens a second",
            "Read and written by the model.",
            Query(_tokens_a_second(), "{{gen_ai_token_type}}"),
            unit="ops",
        ),
        graph(
            "Tokens of an ad",
            "On average.",
            Query(mean(c.JUDGE_TOKENS, "gen_ai.token.type"), "{{gen_ai_token_type}}"),
        ),
        graph(
            "Breaker",
            "0 closed, 1 half open, 2 open: the judge's server is not asked.",
            Query(newest(c.BREAKER, "instance"), "{{instance}}"),
            lines=(1, 2),
            most=2,
        ),
    ):
        board.with_panel(panel)
    with_stages(board, "judge")
    with_batches(board, "judge")
    with_caches(board, "judge")
    return with_process(board, "judge")


def ledger() -> Dashboard:
    """`adjudicate-ledger`."""
    board = _room("ledger", "Decides, and records before it answers.")
    for panel in (
        graph(
            "Rejected",
            "Ads a second, by rule; the ten most frequent.",
            Query(f"topk(10, {rate(c.RULED, 'rule', where={'outcome': 'reject'})})", "{{rule}}"),
            unit="ops",
        ),
        graph(
            "Escalated",
            "Ads a second, by rule; the ten most frequent.",
            Query(f"topk(10, {rate(c.RULED, 'rule', where={'outcome': 'escalate'})})", "{{rule}}"),
            unit="ops",
        ),
        graph(
            "Disk",
            "The disk of the database.",
            Query(newest(c.DISK, "system.filesystem.state"), "{{system_filesystem_state}}"),
            unit="bytes",
            stacked=True,
        ),
    ):
        board.with_panel(panel)
    with_stages(board, "ledger")
    with_sql(board, "ledger")
    return with_process(board, "ledger")


def _room(name: str, meaning: str) -> Dashboard:
    return sheet(f"adjudicate-{name}", f"Adjudicate / {name.capitalize()}", meaning)


def _tokens_a_second() -> str:
    return (
        "sum by (gen_ai_token_type) "
        f"(rate({series(c.JUDGE_TOKENS, part='_sum')}[$__rate_interval]))"
    )
