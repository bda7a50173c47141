"""The real parts as fixtures: one of each per test session, as good as new for every test.

`oidc_provider`, `tls_oidc_provider`, `oauth_toolkit`, `certificates`, `open_fault_proxy`, `open_gate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parts import require
from providers import oidc, toolkit
from providers.certificates import make_certificates
from providers.faults import FaultProxy
from providers.gates import Gate
from stepping import FrozenClock
from system import ADAPTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from providers.certificates import Certificates
    from providers.gates import OpenGate
    from providers.process import ServerProcess

SERVERS = pytest.StashKey[dict[str, "ServerProcess"]]()  # running ones by the name of their fixture


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS] = {}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def oidc_provider(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[oidc.OidcProvider]:
    require(not (reason := oidc.missing_part()), reason)
    provider = oidc.OidcProvider(tmp_path_factory.mktemp("oidc") / "oidc_provider.log")
    pytestconfig.stash[SERVERS]["oidc_provider"] = provider.process
    yield provider
    provider.close()


@pytest.fixture(scope="session")
def tls_oidc_provider(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[oidc.OidcProvider]:
    """The same over TLS, with `certificates.server`; clients may show `certificates.client`."""
    require(not (reason := oidc.missing_part()), reason)
    ours = certificates.server
    tls = {"certificate": ours.certificate, "key": ours.key, "authority": certificates.authority}
    provider = oidc.OidcProvider(tmp_path_factory.mktemp("oidc") / "tls_oidc_provider.log", tls=tls)
    pytestconfig.stash[SERVERS]["tls_oidc_provider"] = provider.process
    yield provider
    provider.close()


@pytest.fixture(scope="session")
def oauth_toolkit(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[toolkit.OAuthToolkit]:
    require(not (reason := toolkit.missing_part()), reason)
    provider = toolkit.OAuthToolkit(tmp_path_factory.mktemp("toolkit"))
    pytestconfig.stash[SERVERS]["oauth_toolkit"] = provider.process
    yield provider
    provider.close()


@pytest.fixture
def open_fault_proxy() -> Iterator[Callable[[int], FaultProxy]]:
    """Call it with the port on this machine that the proxy stands in front of."""
    opened: list[FaultProxy] = []

    def open_one(port: int) -> FaultProxy:
        opened.append(FaultProxy(port))
        return opened[-1]

    yield open_one
    for proxy in opened:
        proxy.close()


@pytest.fixture
def gate_clock() -> FrozenClock:
    """That of the gates: set when a token was made, and ahead of the provider's by as much as a test says."""
    return FrozenClock(0)


@pytest.fixture(params=ADAPTERS)
def open_gate(
    request: pytest.FixtureRequest, oidc_provider: oidc.OidcProvider, gate_clock: FrozenClock
) -> Iterator[OpenGate]:
    """Opens middlewares that trust `oidc_provider`, on each adapter in turn."""
    opened: list[Gate] = []

    def open_one(**settings: object) -> Gate:
        opened.append(Gate(request.param, oidc_provider, gate_clock, **settings))
        return opened[-1]

    yield open_one
    for gate in opened:
        gate.close()


@pytest.fixture(autouse=True)
def _providers_as_new(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"oidc_provider", "tls_oidc_provider"} & set(request.fixturenames):
        request.getfixturevalue(name).reset()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the servers of a failed test wrote meanwhile."""
    report = yield
    servers = item.config.stash[SERVERS]
    for name in sorted(set(servers) & set(getattr(item, "fixturenames", ()))):
        output = servers[name].fresh_output()
        if report.failed and output:
            report.sections.append((f"log of {name}", output))
    return report
