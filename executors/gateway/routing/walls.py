"""Where Jina 3.34 is walled in: what it would do to our documents, and what it does instead.

At start-up Jina's gateway rebuilds every document class from its JSON schema. The copies lose what
JSON cannot say: an `EncodedImage` becomes `str`, which fails with a `when` filter on gRPC and loses
the picture on HTTP. Our gateway has the real classes at hand and uses those.
"""

from __future__ import annotations

from typing import Any

from docarray import BaseDoc
from jina.serve.runtimes.gateway.graph import topology_graph

from adjudicate import documents


def use_real_documents() -> None:
    """Make the gateway's topology look our documents up by name instead of rebuilding them."""
    rebuild = topology_graph.create_base_doc_from_schema
    real: dict[str, type[BaseDoc]] = {
        name: value
        for name, value in vars(documents).items()
        if isinstance(value, type) and issubclass(value, BaseDoc) and value is not BaseDoc
    }

    def look_up(schema: dict[str, Any], name: str, *args: Any, **kwargs: Any) -> Any:
        return real.get(name) or rebuild(schema, name, *args, **kwargs)

    topology_graph.create_base_doc_from_schema = look_up
