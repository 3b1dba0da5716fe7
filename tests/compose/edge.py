"""compose/nginx as the image would run it, with Debian's nginx on this machine.

What differs: the places it writes to, the port it listens on, and where the gateways are. Debian
12's nginx 1.22 also lacks two words that the pinned image knows; `for_version` says which.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from executors.shared.settings import ROOT
from tests.services.nginx import SITE, Nginx, find_nginx

FOLDER = ROOT / "compose" / "nginx"
MAIN = FOLDER / "nginx.conf"
TEMPLATE = FOLDER / "templates" / "adjudicate.conf.template"
UPSTREAMS = FOLDER / "upstreams" / "gateway.conf"
PORTS = {"grpc": 51000, "http": 51001, "ws": 51002}

HTTP2_DIRECTIVE = (1, 25, 1)
"""Before, HTTP/2 was a word of `listen`: nginx.org/en/docs/http/ngx_http_v2_module.html."""
RESOLVE = (1, 27, 3)
"""Before, only the commercial edition had `resolve`: ngx_http_upstream_module.html, as above."""


def rendered(text: str, variables: Mapping[str, str]) -> str:
    """As the image's entry point does it with `NGINX_ENVSUBST_FILTER=^NGINX_`.

    Raises `KeyError` for a variable that is not set, which would stay as it is there.
    """
    return re.sub(r"\$\{(NGINX_\w+)\}", lambda found: variables[found[1]], text)


def for_version(text: str, version: tuple[int, ...]) -> str:
    """The same configuration in the words of an older nginx."""
    if version < HTTP2_DIRECTIVE:
        text = re.sub(r"^ *http2 on;\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"(listen \S+ ssl);", r"\1 http2;", text)
    if version < RESOLVE:
        text = re.sub(r"(server \S+) resolve", r"\1", text)
    return text


def upstreams(gateways: Sequence[Mapping[str, str]]) -> str:
    """compose/nginx/upstreams with the gateways at `gateways`: URLs by `grpc`, `http`, `ws`."""
    text = UPSTREAMS.read_text(encoding="utf-8")
    for protocol, port in PORTS.items():
        at = [urlsplit(gateway[protocol]).netloc for gateway in gateways]
        lines = " ".join(f"server {each} resolve;" for each in at)
        text = text.replace(f"server gateway:{port} resolve;", lines)
    return text


class Edge:
    """nginx in front of gateways: `grpcs://`, `https://` and `wss://` on one port."""

    def __init__(self, folder: Path, port: int, variables: Mapping[str, str]) -> None:
        """`variables`: those of the template, as docker-compose.yml sets them."""
        self._folder = folder
        self._variables = variables
        self.port = port
        self.access_log = folder / "access.log"
        self.nginx = Nginx(folder, self._main())
        self._version = nginx_version()
        self.urls = {
            "grpc": f"grpcs://localhost:{port}",
            "http": f"https://localhost:{port}",
            "ws": f"wss://localhost:{port}",
        }

    def config(self, gateways: Sequence[Mapping[str, str]]) -> str:
        """What stands inside `http { }`."""
        site = rendered(TEMPLATE.read_text(encoding="utf-8"), self._variables)
        site = site.replace("listen 8443 ", f"listen 127.0.0.1:{self.port} ")
        site = site.replace("listen 127.0.0.1:8080;", f"listen unix:{self._folder}/health;")
        return for_version(upstreams(gateways) + site, self._version)

    def start(self, gateways: Sequence[Mapping[str, str]]) -> None:
        self.nginx.start(self.config(gateways))

    def reload(self, gateways: Sequence[Mapping[str, str]]) -> None:
        self.nginx.reload(self.config(gateways))

    def stop(self) -> None:
        self.nginx.stop()

    def _main(self) -> str:
        main = MAIN.read_text(encoding="utf-8")
        main = main.replace("/tmp/", f"{self._folder}/").replace(
            "/dev/stdout", str(self.access_log)
        )
        main = main.replace("/dev/stderr", "stderr")
        main = main.replace("include /etc/nginx/upstreams/*.conf;", f"include {SITE};")
        return main.replace("include /etc/nginx/conf.d/*.conf;", "")


def nginx_version() -> tuple[int, ...]:
    """Of the binary that tests run. Raises `NoNginx`."""
    said = subprocess.run([find_nginx(), "-v"], capture_output=True, text=True, timeout=30).stderr
    found = re.search(r"nginx/([\d.]+)", said)
    assert found is not None, said
    return tuple(int(part) for part in found[1].split("."))
