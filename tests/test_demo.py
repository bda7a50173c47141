"""The demo: every scenario over real sockets, and nothing left behind."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from parts import ROOT, require, require_module

require_module("jwt", "rich", "werkzeug")

import jwt
import requests
from rich.console import Console

from jwt_signer_mw.command import main
from jwt_signer_mw.demo.byhand import suggest
from jwt_signer_mw.demo.narration import narrate
from jwt_signer_mw.demo.provider import IdentityProvider
from jwt_signer_mw.demo.running import play_all, run_demo
from jwt_signer_mw.demo.scenarios import SCENARIOS, bearer, resigned
from jwt_signer_mw.demo.shortened import peek
from jwt_signer_mw.demo.stage import Providers, Stage, open_stage
from jwt_signer_mw.demo.terminal import Terminal, open_console
from jwt_signer_mw.demo.trial import Visitor
from jwt_signer_mw.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
SECONDS = 15  # the whole demo may take no longer

# What becomes of each request, in order.
OUTCOMES = {
    "jwt": (
        "200 accepted, 200 accepted, 200 accepted, 401 token_missing, 401 token_expired, "
        "401 algorithm_not_allowed, 200 accepted, 401 signature_invalid, 200 accepted, "
        "200 accepted, 200 -, 200 accepted, 200 -"
    ),
    "opaque": (
        "200 accepted, 200 accepted, 401 token_missing, 401 token_inactive, 401 token_inactive, "
        "401 jwks_uri_missing, 503 provider_unavailable, 200 accepted"
    ),
    "two-tokens": (
        "200 accepted, 401 token_missing, 401 token_missing, 401 signature_invalid, 401 key_unknown"
    ),
    "resign-only": "200 accepted, 200 accepted, 200 accepted, 401 token_missing",
    "claim": (
        "200 accepted, 403 scopes_insufficient, 403 scopes_insufficient, 403 scopes_insufficient, "
        "401 signature_invalid, 401 token_missing"
    ),
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test asks over loopback must not go to a proxy that its environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A stage with the first scenario's policy, for tests that leave it as it is."""
    with open_stage({"jwt": BY_NAME["jwt"].settings}) as stage:
        yield stage


@pytest.fixture
def whole_stage() -> Iterator[Stage]:
    with open_stage({name: scenario.settings for name, scenario in BY_NAME.items()}) as stage:
        yield stage


# The scenarios


@pytest.mark.parametrize("name", BY_NAME)
def test_scenario(name: str) -> None:
    with open_stage({name: BY_NAME[name].settings}) as stage:
        trials = list(BY_NAME[name].play(stage))
    assert {trial.title: trial.faults for trial in trials if trial.faults} == {}
    outcomes = [f"{trial.status} {trial.decision.reason if trial.decision else '-'}" for trial in trials]
    assert ", ".join(outcomes) == OUTCOMES[name]


def test_every_scenario_sets_what_the_readme_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name of the parameters; the values hold ports and secrets."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## Five scenarios\n")[1].split("\n## ")[0]
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", section, re.DOTALL)]
    monkeypatch.setenv("INTROSPECTION_AUTHORIZATION", "Basic eDp5")
    for block in blocks:
        Settings.load(block)
    providers = Providers(IdentityProvider("access"), IdentityProvider("channel"))
    assert [set(scenario.settings(providers)) for scenario in SCENARIOS] == [set(block) for block in blocks]


def test_a_wrong_outcome_is_found(stage: Stage) -> None:
    """A demo that can't fail shows nothing."""
    visitor, token = Visitor(stage, "jwt"), stage.providers.access.mint()
    refused = visitor.visit("no token", {}, "accepted")
    assert refused.faults == ("status: 401, expected 200", "reason: 'token_missing', expected 'accepted'")
    changed = resigned({**peek(token), "sub": "bob"})
    assert visitor.visit("sub", bearer(token), claims=changed).faults == (
        "claim sub: 'alice', expected 'bob'",
    )
    assert visitor.visit("calls", bearer(token), calls=7).faults == ("calls to providers: 0, expected 7",)
    kept = visitor.visit("kept", {**bearer(token), "X-Kept": "1"}, absent=("X-Kept",))
    assert kept.faults == ("X-Kept came through",)
    again = visitor.verify_again("a key that nobody used", {"nobody"})
    assert again.faults == ("nothing is signed with 'nobody'",)


def test_a_wrong_outcome_fails_the_demo(whole_stage: Stage) -> None:
    whole_stage.providers.access.down = True
    output = io.StringIO()
    assert play_all(whole_stage, Terminal(Console(file=output, width=100))) is False
    assert re.search(r"WRONG +status: 503, expected 200", output.getvalue())
    assert "not as expected" in output.getvalue()


def test_upstream_trusts_nobody_else(stage: Stage) -> None:
    """It is reached without the gateway here, with tokens that are not the gateway's."""
    header = jwt.get_unverified_header(stage.providers.access.mint())
    hmac = jwt.encode({"sub": "mallory"}, "x" * 32, "HS256", headers=header | {"alg": "HS256"})
    for token in (stage.providers.access.mint(), stage.providers.access.unsigned(), hmac):
        seen = requests.get(stage.upstream_origin, headers=bearer(token), timeout=5).json()
        assert seen["tokens"]["Authorization"]["verified"] is False
        assert token not in str(seen)


def test_again_tells_that_a_token_fails() -> None:
    """After two rotations a key is forgotten: that is what rotating means."""
    with open_stage({"jwt": BY_NAME["jwt"].settings}) as stage:
        visitor = Visitor(stage, "jwt")
        trial = visitor.visit("", bearer(stage.providers.access.mint()))
        assert visitor.verify_again("", {trial.kid()}).faults == ()
        for _ in range(2):
            assert visitor.rotate_our_keys("").status == 200
        assert visitor.verify_again("", {trial.kid()}).faults == ("all verified: False, expected True",)


def test_unknown_paths_of_the_gateway(stage: Stage) -> None:
    for path in ("/", "/nothing/here"):
        trial = Visitor(stage, "jwt").send("", "GET", stage.gateway_origin + path, {})
        assert (trial.status, trial.decision, trial.document) == (404, None, None)
        told = [(line.who, line.text) for line in narrate(trial, stage.gateway.settings("jwt"))]
        assert told == [("client", f"GET {path}")]


def test_environment_does_not_change_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SIGNER_ACCESS_TOKEN_SIGNING", "false")
    monkeypatch.setenv("JWT_SIGNER_NO_SUCH_OPTION", "1")
    with open_stage({"claim": BY_NAME["claim"].settings}) as stage:
        assert [trial.faults for trial in BY_NAME["claim"].play(stage) if trial.faults] == []


# What is shown


def test_no_token_and_no_secret_is_shown(whole_stage: Stage) -> None:
    output = io.StringIO()
    terminal = Terminal(Console(file=output, width=100))
    terminal.show_stage(whole_stage)
    assert play_all(whole_stage, terminal)
    whole_stage.gateway.listener = terminal.show_heard
    Visitor(whole_stage, "jwt").send("", "GET", f"{whole_stage.gateway_origin}/jwt/orders", {})
    terminal.show_suggestions(suggest(whole_stage), "http://127.0.0.1:8000/")
    text = output.getvalue()
    for secret in (
        whole_stage.admin_token_file.read_text(),
        whole_stage.providers.access.client_secret,
        "eyJhbGciOi",  # the beginning of any JWT, one character more than is shown
    ):
        assert secret not in text
    assert "eyJhbGci…" in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_reprs_hide_tokens(stage: Stage) -> None:
    token = stage.providers.access.mint()
    assert token not in repr(Visitor(stage, "jwt").visit("", bearer(token)))


def test_output_to_a_file_is_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    console = open_console()
    assert (console.is_terminal, console.width) == (False, 100)


@pytest.mark.parametrize("columns, width", [("60", 80), ("90", 90), ("300", 120)])
def test_width_of_a_terminal(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", columns)
    assert open_console().width == width


def test_narration_names_the_option_that_refused(stage: Stage) -> None:
    trial = Visitor(stage, "jwt").visit("", bearer(stage.providers.access.mint(exp=1)), "token_expired")
    lines = [line.text for line in narrate(trial, stage.gateway.settings("jwt"))]
    assert "by verify_access_token_expiry" in lines
    assert any(line.endswith("expired") for line in lines)


# By hand


def test_suggested_commands(whole_stage: Stage) -> None:
    """Run as they are printed."""
    shell = shutil.which("bash") or shutil.which("sh")
    require(shell and shutil.which("curl"), "no curl or no shell")
    assert shell is not None
    script = "\n".join(command for suggestion in suggest(whole_stage) for command in suggestion.commands)
    environment = {**os.environ, "no_proxy": "*"}
    ran = subprocess.run(
        [shell], input=script, capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    statuses = [int(status) for status in re.findall(r"HTTP/1\.[01] (\d+)", ran.stdout)]
    assert statuses == [200, 401, 401, 401, 200, 200, 200, 200, 403]
    assert ran.stdout.count('"previous"') == 2
    told = (f"access: new key {whole_stage.providers.access.kid}", "access: down", "access: up")
    assert "\n".join(told) in ran.stdout


# The whole


class Interrupting(io.StringIO):
    """Presses Ctrl-C when it reads that this ends the demo."""

    def write(self, text: str) -> int:
        if "Ctrl-C" in text:
            Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
        return super().write(text)


@pytest.mark.skipif(os.name == "nt", reason="Windows interrupts the main thread differently")
def test_goes_on_until_ctrl_c() -> None:
    output = Interrupting()
    assert run_demo(Terminal(Console(file=output, width=100)), once=False) is True
    assert "all as expected" in output.getvalue()


def test_once_in_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["demo", "--once"]) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert "all as expected" in capsys.readouterr().out


def environment(home: Path) -> dict[str, str]:
    """A home that stays empty, a proxy that leads nowhere, and settings that must not matter."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_START")
        if name in os.environ
    }
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
    home.mkdir()
    (home / "tmp").mkdir()
    return {**kept, **proxies, "HOME": str(home), "TMPDIR": str(home / "tmp"), "JWT_SIGNER_REALM": "nowhere"}


def test_once_in_a_process(tmp_path: Path) -> None:
    home = tmp_path / "home"
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "jwt_signer_mw", "demo", "--once"],
        env=environment(home),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS * 4,
        check=False,
    )
    seconds = time.monotonic() - started
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "36 requests, all as expected" in ran.stdout
    assert "\x1b" not in ran.stdout
    assert seconds < SECONDS
    assert sorted(path.name for path in home.rglob("*")) == ["tmp"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_runs_until_it_is_stopped(sent: signal.Signals, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "jwt_signer_mw", "demo"],
        env=environment(home) | {"PYTHONIOENCODING": "ascii"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    gateway = page = ""
    for line in process.stdout:
        if line.startswith("http://"):
            page = line.strip()
        if line.startswith("GW="):
            gateway = line.split()[0].removeprefix("GW=")
        if "Ctrl-C" in line:
            break
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"{gateway}/jwt/orders", timeout=5).status_code == 401
        assert "<title>jwt-signer playground" in session.get(page, timeout=5).text
    process.send_signal(sent)
    rest, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert "GET /jwt/orders  token_missing" in rest
    assert list((home / "tmp").iterdir()) == []
    with pytest.raises(requests.ConnectionError):
        requests.get(gateway, timeout=5)
