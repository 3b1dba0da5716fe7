"""Each SQL statement: its seconds for the metrics, and a span in the trace that it is done for.

By OpenTelemetry's database conventions. A span holds the statement's text, which has places where
values go, and never the values.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from opentelemetry import trace
from opentelemetry.semconv.attributes.db_attributes import (
    DB_COLLECTION_NAME,
    DB_NAMESPACE,
    DB_OPERATION_NAME,
    DB_QUERY_TEXT,
    DB_SYSTEM_NAME,
)
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from executors.shared.telemetry.catalogue import SQL_SECONDS
from executors.shared.telemetry.spans import Form, OpenSpan, spans

MOST_TEXT = 1_000
"""Characters of a statement in its span."""

_HEAD = re.compile(
    r"\s*(?P<operation>[A-Za-z]+)(?:.*?\b(?:FROM|INTO|UPDATE)\s+[\"`]?(?P<table>\w+))?",
    re.IGNORECASE | re.DOTALL,
)
_STARTED = "adjudicate_started"
_BATCH_SIZE = "db.operation.batch.size"


def watch_sql(engine: Engine) -> None:
    """Measure whatever this engine does from now on."""
    watch = _Watch(engine)
    event.listen(engine, "before_cursor_execute", watch.before)
    event.listen(engine, "after_cursor_execute", watch.after)
    event.listen(engine, "handle_error", watch.failed)
    # SQLAlchemy has no event for when a transaction is on disk, which takes the most of it.
    dialect: Any = engine.dialect
    dialect.do_commit = watch.committing(dialect.do_commit)


class _Watch:
    def __init__(self, engine: Engine) -> None:
        self._system = engine.dialect.name
        url = engine.url
        self._where: dict[str, AttributeValue] = {DB_SYSTEM_NAME: self._system}
        if url.database and self._system != "sqlite":
            self._where[DB_NAMESPACE] = url.database
        if url.host:
            self._where[SERVER_ADDRESS] = url.host
        if url.port:
            self._where[SERVER_PORT] = url.port
        self._form = lru_cache(256)(self._form_of)

    def before(self, connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if statement != "BEGIN":  # of a read, which takes no lock and no time
            connection.info[_STARTED] = time.perf_counter()

    def after(
        self,
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        started = connection.info.pop(_STARTED, None)
        if started is not None:
            rows = len(parameters) if executemany else 1
            self._record(statement, time.perf_counter() - started, rows)

    def failed(self, context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or context.statement is None or connection.invalidated:
            return
        started = connection.info.pop(_STARTED, None)
        if started is not None:
            error = type(context.original_exception).__name__
            self._record(context.statement, time.perf_counter() - started, 1, error)

    def committing(self, commit: Callable[[Any], None]) -> Callable[[Any], None]:
        def do_commit(connection: Any) -> None:
            started = time.perf_counter()
            try:
                commit(connection)
            except Exception as error:
                self._record("COMMIT", time.perf_counter() - started, 1, type(error).__name__)
                raise
            self._record("COMMIT", time.perf_counter() - started, 1)

        return do_commit

    def _record(self, statement: str, seconds: float, rows: int, error: str = "") -> None:
        operation, _ = _summary(statement[:MOST_TEXT])
        SQL_SECONDS.record(seconds, {DB_SYSTEM_NAME: self._system, DB_OPERATION_NAME: operation})
        parent = trace.get_current_span()
        if not (isinstance(parent, OpenSpan) and parent.is_recording()):
            return
        ended = time.time_ns()
        span = spans().start(
            self._form(statement),
            parent.traceparent,
            remote=False,
            start_ns=ended - int(seconds * 1e9),
        )
        if rows > 1:
            span.attributes[_BATCH_SIZE] = rows
        if error:
            span.fail(error)
        span.end(ended)

    def _form_of(self, statement: str) -> Form:
        operation, table = _summary(statement[:MOST_TEXT])
        said = {**self._where, DB_OPERATION_NAME: operation, DB_QUERY_TEXT: statement[:MOST_TEXT]}
        if table:
            said[DB_COLLECTION_NAME] = table
        return Form(f"{operation} {table}".rstrip(), SpanKind.CLIENT, said)


@lru_cache(512)
def _summary(statement: str) -> tuple[str, str]:
    """What a statement does and to which table; `UPDATE` as the verb names its table as well."""
    found = _HEAD.match(statement)
    if found is None:
        return "other", ""
    operation = found["operation"].upper()
    if operation == "UPDATE":
        words = statement.split(None, 2)
        return operation, words[1].strip('"`') if len(words) > 1 else ""
    return operation, found["table"] or ""
