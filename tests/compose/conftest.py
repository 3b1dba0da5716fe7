"""nginx as docker-compose.yml runs it, with a certificate of compose/prepare.sh."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks._servers import free_ports
from tests.compose.edge import Edge
from tests.compose.files import COMPOSE, edge_variables
from tests.services.nginx import NoNginx, find_nginx

PREPARE = COMPOSE / "prepare.sh"
NewEdge = Callable[..., Edge]


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that prepare.sh makes."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    subprocess.run([PREPARE, folder], check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def new_edge(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewEdge]:
    """Makes an nginx that has not started; each is stopped at the end."""
    try:
        find_nginx()
    except NoNginx as reason:
        pytest.skip(str(reason))
    with ExitStack() as running:

        def make(**changed: str) -> Edge:
            """`changed`: other variables of the template than docker-compose.yml's."""
            edge = Edge(
                tmp_path_factory.mktemp("nginx"),
                free_ports(1)[0],
                {
                    **edge_variables(),
                    "NGINX_LOCAL_RESOLVERS": "127.0.0.1",
                    "NGINX_CERTIFICATE": str(secrets / "certificate.pem"),
                    "NGINX_KEY": str(secrets / "key.pem"),
                    **changed,
                },
            )
            running.callback(edge.stop)
            return edge

        yield make
