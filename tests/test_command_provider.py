"""`jwt-signer provider`: the tutorials run it; here is what they don't show."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from jwt_signer_mw.command import main, provider
from jwt_signer_mw.command.discovery import discover
from parts import require_module
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def told(tmp_path: Path) -> Iterator[str]:
    """What it prints, as soon as it runs, on a port that the system chooses."""
    require_module("jwt", "werkzeug")
    command = [sys.executable, "-m", "jwt_signer_mw", "provider", "--port", "0"]
    process = ServerProcess(command, tmp_path / "provider.log")
    process.wait_for("until you press")
    yield process.log.read_text()
    process.stop()


def test_what_it_tells_works(told: str) -> None:
    issuer = re.search(r"^issuer +(\S+)", told, re.MULTILINE)
    authorization = re.search(r"Authorization: (.+)", told)
    assert issuer is not None
    assert authorization is not None
    found = discover(issuer[1])
    assert found.jwks_uri is not None
    assert found.introspection_endpoint is not None
    assert requests.get(found.jwks_uri, timeout=9).json()["keys"]

    token = requests.get(f"{issuer[1]}/token?kind=opaque&sub=bob", timeout=9).text
    asked = {"data": {"token": token}, "headers": {"Authorization": authorization[1]}, "timeout": 9}
    assert requests.post(found.introspection_endpoint, **asked).json()["sub"] == "bob"  # type: ignore[arg-type]


def test_it_listens_on_the_loopback_interface_alone(told: str) -> None:
    assert set(re.findall(r"http://([^:/]+)", told)) == {"127.0.0.1"}


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "jwt_signer_mw", "provider", "--port", port]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "Address already in use" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_packages_that_it_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(provider.NEEDED, "there_is_no_such_module", "no-such-package")
    assert main(["provider"]) == 2
    needed = "jwt-signer: the provider needs no-such-package: pip install 'jwt-signer-mw[demo]'\n"
    assert capsys.readouterr().err == needed
