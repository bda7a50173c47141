"""Fixtures for the tests of applications that `jwt-signer-mw` protects. Loads nothing until one is used."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from jwt_signer_mw.testing import Issuer, Provider, SteerableClock

MARKERS = {
    "jwt_outage": "jwt_outage(of=None, status=None): the provider is down (`jwt_provider.outage`)",
    "jwt_slow": "jwt_slow(seconds, of=None): the provider takes so long (`jwt_provider.slow`)",
    "jwt_malformed": "jwt_malformed(kind='html', of=None): it talks nonsense (`jwt_provider.malformed`)",
    "jwt_rotation": "jwt_rotation: a new key signs once the key set was fetched",
    "jwt_time": "jwt_time(at): the clock stands there, in seconds since the epoch",
}
HINT = (
    "signed_client does not know the application: define a fixture `jwt_app` (or `app`) that returns it, "
    "or set DJANGO_SETTINGS_MODULE"
)


def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS.values():
        config.addinivalue_line("markers", line)


@pytest.fixture
def jwt_clock(request: pytest.FixtureRequest) -> SteerableClock:
    """The time that the provider and the application go by; a test may move or stop it."""
    from jwt_signer_mw.testing import SteerableClock

    marker = request.node.get_closest_marker("jwt_time")
    return SteerableClock(*(marker.args if marker else ()), **(marker.kwargs if marker else {}))


@pytest.fixture
def jwt_provider(request: pytest.FixtureRequest, jwt_clock: SteerableClock) -> Iterator[Provider]:
    """An identity provider in memory, in the troubles that the test's markers name."""
    from jwt_signer_mw.testing import Provider

    provider = Provider(jwt_clock)
    with ExitStack() as troubles:
        for marker in request.node.iter_markers():
            if marker.name == "jwt_rotation":
                provider.rotate_after_fetch()
            elif marker.name in MARKERS and marker.name != "jwt_time":
                trouble = getattr(provider, marker.name.removeprefix("jwt_"))
                troubles.enter_context(trouble(*marker.args, **marker.kwargs))
        yield provider


@pytest.fixture
def jwt_server(jwt_provider: Provider) -> Iterator[Provider]:
    """`jwt_provider` on a real port of loopback, for applications in other processes."""
    with jwt_provider.serve():
        yield jwt_provider


@pytest.fixture
def jwt_app(request: pytest.FixtureRequest) -> Any:
    """The application under test: the fixture `app`, or Django's. Define one of your own otherwise."""
    try:
        return request.getfixturevalue("app")
    except pytest.FixtureLookupError as missing:
        if missing.argname != "app":
            raise
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        return None
    pytest.fail(HINT, pytrace=False)


@pytest.fixture
def signed_client(jwt_app: Any, jwt_provider: Provider) -> Iterator[Any]:
    """The framework's test client, with a token in every request: `claims=`, `channel_claims=`, `flaw=`,
    `policy=`."""
    with sign_for(jwt_app, jwt_provider) as client:
        yield client


@pytest.fixture
def signed_async_client(jwt_app: Any, jwt_provider: Provider) -> Iterator[Any]:
    """`signed_client` for tests that are coroutines: Django's, or httpx2's for ASGI. Runs no lifespan."""
    if _is_django(jwt_app):
        opened = _django(jwt_app, jwt_provider, in_async=True)
    elif _is_wsgi(jwt_app):
        pytest.fail("signed_async_client is for Django and ASGI: use signed_client", pytrace=False)
    else:
        from jwt_signer_mw.testing.asgi import signing_async_client

        opened = signing_async_client(jwt_app, jwt_provider)
    with opened as client:
        yield client


@contextmanager
def sign_for(app: Any, issuer: Issuer | None = None, **claims: Any) -> Iterator[Any]:
    """A client of the framework that signs for the application, which trusts the issuer meanwhile."""
    with _opener(app)(app, issuer, **claims) as client:
        yield client


def _opener(app: Any) -> Callable[..., AbstractContextManager[Any]]:
    """Frameworks are not imported to see whether the application is one of theirs."""
    if _is_django(app):
        return _django
    if _is(app, "flask", "Flask") and "jwt_signer" in app.extensions:
        from flask_jwt_signer.testing import signing_client

        return signing_client
    return _middleware


def _is_django(app: Any) -> bool:
    return app is None or _is(app, "django.core.handlers.base", "BaseHandler")


def _is(app: Any, module: str, name: str) -> bool:
    return module in sys.modules and isinstance(app, getattr(sys.modules[module], name))


def _is_wsgi(app: Any) -> bool:
    """By the outermost middleware that is found in it."""
    from jwt_signer_mw.testing.trust import find_middlewares
    from jwt_signer_mw.wsgi import JWTSignerMiddleware

    return isinstance(find_middlewares(app)[0], JWTSignerMiddleware)


@contextmanager
def _django(
    _app: Any, issuer: Issuer | None = None, *, in_async: bool = False, **claims: Any
) -> Iterator[Any]:
    import django

    django.setup()
    from django_jwt_signer.test import SigningAsyncClient, SigningClient, trust_issuer

    client = SigningAsyncClient() if in_async else SigningClient()
    client.claims = claims
    with trust_issuer(issuer):
        yield client


@contextmanager
def _middleware(app: Any, issuer: Issuer | None = None, **claims: Any) -> Iterator[Any]:
    if _is_wsgi(app):
        from jwt_signer_mw.testing.wsgi import signing_client as open_client
    else:
        from jwt_signer_mw.testing.asgi import signing_client as open_client  # type: ignore[assignment]
    with open_client(app, issuer, **claims) as client:
        yield client
