"""prepare.sh: passwords and a certificate that the containers can use, and nothing overwritten."""

from __future__ import annotations

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from benchmarks._servers import free_ports
from executors.shared.settings import ROOT
from tests.compose.conftest import PREPARE
from tests.compose.files import MAIN, services

PASSWORDS = ("postgres_password", "redis_password", "qdrant_api_key")


def prepare(*arguments: str | Path, ends: int = 0) -> str:
    """What it prints."""
    ran = subprocess.run([PREPARE, *arguments], capture_output=True, text=True, timeout=60)
    assert ran.returncode == ends, ran.stderr
    return ran.stdout + ran.stderr


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_nobody_else_may_enter_the_folder_and_who_is_in_may_read(secrets: Path) -> None:
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    for path in secrets.iterdir():
        # Docker mounts the file alone, for a user who is not its owner here.
        assert stat.S_IMODE(path.stat().st_mode) == 0o444, path.name


def test_each_password_is_long_and_another(secrets: Path, tmp_path: Path) -> None:
    prepare(tmp_path / "other")
    found = [
        (where / name).read_text() for where in (secrets, tmp_path / "other") for name in PASSWORDS
    ]
    assert len(set(found)) == 6
    assert all(len(each.strip()) == 48 for each in found)


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "postgres_password").write_text("my own\n")
    prepare(tmp_path)
    before = contents(tmp_path)
    assert (tmp_path / "postgres_password").read_text() == "my own\n"
    assert ":my own@" in before["database_url"]
    assert "stays" in prepare(tmp_path)
    assert contents(tmp_path) == before


def test_another_certificate_leaves_the_passwords(tmp_path: Path) -> None:
    prepare(tmp_path)
    before = contents(tmp_path)
    prepare("--renew", "--name", "ads.example", "--name", "10.0.0.3", tmp_path)
    changed = {name for name, text in contents(tmp_path).items() if text != before[name]}
    assert changed == {"certificate.pem", "key.pem", "ca.pem"}
    names = alternative_names(tmp_path)
    assert {"localhost", "ads.example", "10.0.0.3"} <= names


def alternative_names(folder: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


def test_the_certificate_is_what_clients_accept(secrets: Path) -> None:
    """By RFC 5280 and the forum's rules, as the `cryptography` package has them."""
    leaf = x509.load_pem_x509_certificate((secrets / "certificate.pem").read_bytes())
    authority = x509.load_pem_x509_certificate((secrets / "ca.pem").read_bytes())
    policy = PolicyBuilder().store(Store([authority]))
    for name in (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))):
        policy.build_server_verifier(name).verify(leaf, [])
    assert leaf.not_valid_after_utc - datetime.now(UTC) > timedelta(days=300)


def test_nobody_can_sign_another(secrets: Path) -> None:
    """The authority's key is nowhere: the only one there is the server's."""
    authority = x509.load_pem_x509_certificate((secrets / "ca.pem").read_bytes())
    keys = [path for path in secrets.iterdir() if "PRIVATE KEY" in path.read_text()]
    assert [path.name for path in keys] == ["key.pem"]
    leaf = x509.load_pem_x509_certificate((secrets / "certificate.pem").read_bytes())
    assert leaf.public_key() != authority.public_key()


def test_help_says_what_it_writes_and_mistakes_end_with_2(tmp_path: Path) -> None:
    said = prepare("--help")
    assert "ca.pem" in said
    for option in ("--name", "--renew", "--help"):
        assert option in said
    assert "--nmae" in prepare("--nmae", ends=2)
    assert "a b" in prepare("--name", "a b", tmp_path / "x", ends=2)
    assert not (tmp_path / "x").exists()


def test_git_passes_over_what_it_writes() -> None:
    told = (ROOT / ".gitignore").read_text().splitlines()
    assert {"compose/secrets/", "compose/settings.env", "compose/.env"} <= set(told)


def test_redis_takes_its_file_and_its_health_check_passes(secrets: Path, tmp_path: Path) -> None:
    binary = which("redis-server")
    if binary is None or which("redis-cli") is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    redis = services(MAIN)["redis"]
    (port,) = free_ports(1)
    inside = "/run/secrets/redis.conf"
    _, *arguments = [
        str(part).replace(inside, f"{secrets}/redis.conf") for part in redis["command"]
    ]
    check = (
        redis["healthcheck"]["test"][1].replace("$$", "$").replace(inside, f"{secrets}/redis.conf")
    )
    check = check.replace("redis-cli", f"redis-cli -p {port}")
    server = subprocess.Popen(
        [binary, *arguments, "--port", str(port), "--bind", "127.0.0.1", "--dir", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert any("Ready to accept connections" in line for line in server.stdout)
        assert subprocess.run(["sh", "-c", check], timeout=30).returncode == 0
        wrong = check.replace("requirepass", "requirepasswd")
        assert subprocess.run(["sh", "-c", wrong], timeout=30).returncode != 0
        asked = ["redis-cli", "-p", str(port), "ping"]
        refused = subprocess.run(asked, capture_output=True, text=True, timeout=30)
        assert "NOAUTH" in refused.stdout
    finally:
        server.kill()
        server.communicate()


def test_shellcheck_finds_nothing() -> None:
    shellcheck = ROOT / ".venv" / "tools" / "bin" / "shellcheck"
    if not shellcheck.exists():
        pytest.skip("shellcheck is not installed: make tools")
    checked = subprocess.run([shellcheck, PREPARE], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
