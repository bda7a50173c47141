"""The WSGI adapter: translates an environ into a request's head, and a decision back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from jwt_signer_mw.assembly import Assembly, Services, link_shadows
from jwt_signer_mw.bodies import take_from_environ
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.observed import observed
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.explain import Asked
from jwt_signer_mw.flows.administration import AdminRequest
from jwt_signer_mw.flows.purge import Purge
from jwt_signer_mw.messages import IDENTITY, Forward, Incoming
from jwt_signer_mw.request.delivery import delivery_to_wsgi
from jwt_signer_mw.request.endpoints import HEADERS, MAX_BODY
from jwt_signer_mw.request.names import MAX_REMEMBERED_NAME, MAX_REMEMBERED_NAMES
from jwt_signer_mw.request.responses import status_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from jwt_signer_mw.explain import Circumstances, Explanation, Headers
    from jwt_signer_mw.flows.administration import Administration
    from jwt_signer_mw.flows.purge import Purged
    from jwt_signer_mw.request.identification import RequestIds
    from jwt_signer_mw.settings import Settings


class JWTSignerMiddleware:
    """Checks the tokens of every request and re-signs them before `app` sees it.

    `settings` is a mapping of plugin parameters and suite options, or a `Settings`; what it leaves
    unset comes from `JWT_SIGNER_...` environment variables. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        app: WSGIApplication,
        settings: Settings | Mapping[str, Any] | None = None,
        **services: Unpack[Services],
    ) -> None:
        self.assembly = Assembly(settings, **services)
        link_shadows({self.assembly.pipeline.policy: self.assembly})
        self.app = app
        self.pipeline = self.assembly.pipeline
        self.driver = BlockingDriver(
            observed(self.assembly.transport or RequestsTransport(), self.assembly.observers)
        )
        self.driver.run(self.assembly.keyring.prepare())
        self.admin = WSGIAdministration(self.driver, self.assembly.administration)
        self._exempt = self.pipeline.exempt or None
        self._keys = tuple(environ_key(name) for name in self.pipeline.reads)
        self._written = {name: environ_key(name) for name in self.pipeline.writes}
        self._always_removed = frozenset((*self._keys, *self._written.values()))
        self._harmless: set[str] = set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        pipeline = self.pipeline
        values = tuple(map(environ.get, self._keys))
        forward = name = None
        if self._exempt is None or decoded(environ.get("PATH_INFO", "")) not in self._exempt:
            name = pipeline.name(values)
            if name is not None:
                forward = pipeline.find(name, values)
        if forward is None:
            incoming = self._incoming(environ, values)
            if pipeline.binds_body and incoming.path not in pipeline.exempt:
                environ = environ.copy()
                incoming = with_body(incoming, environ, pipeline.settings)
            decision = self.driver.run(pipeline.decide(incoming, name))
            if not isinstance(decision, Forward):
                start_response(status_line(decision.status), list(decision.headers))
                return [b"" if environ["REQUEST_METHOD"] == "HEAD" else decision.body]
            forward = decision
        elif pipeline.observers:
            told = request_id(pipeline.request_ids, environ)
            pipeline.accepted(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), forward, told)
        return self.app(self._rewritten(environ, forward), start_response)

    def explain(self, headers: Headers, **circumstances: Unpack[Circumstances]) -> Explanation:
        """What would become of a request with these headers, step by step, and why."""
        return self.driver.run(self.assembly.explainer.explain(Asked.about(headers, circumstances)))

    def purge(
        self,
        *,
        jti: str | None = None,
        subject: str | None = None,
        token: str | None = None,
        everything: bool = False,
    ) -> Purged:
        """Forgets what was decided and answered about a token, a subject or all: the next request is judged
        anew. Raises `ValueError` unless one of them is given, `StoreError`."""
        purge = Purge.of(jti=jti, subject=subject, token=token, everything=everything)
        return self.driver.run(self.pipeline.purge(purge))

    def close(self) -> None:
        """Closes connections to providers. They open again when they are needed."""
        close = getattr(self.driver.transport, "close", None)
        if close is not None:
            close()

    def _incoming(self, environ: WSGIEnvironment, values: tuple[str | None, ...]) -> Incoming:
        pipeline = self.pipeline
        method, path = environ["REQUEST_METHOD"], decoded(environ.get("PATH_INFO", ""))
        host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
        if not pipeline.binds and pipeline.request_ids is None:
            return Incoming(method, path, host, values)
        delivery = delivery_to_wsgi(environ) if pipeline.binds else None
        told = request_id(pipeline.request_ids, environ)
        return Incoming(method, path, host, values, delivery=delivery, request_id=told)

    def _rewritten(self, environ: WSGIEnvironment, forward: Forward) -> WSGIEnvironment:
        """A copy (the caller's environ stays as it is) without the client's managed headers, with ours."""
        environ = environ.copy()
        for key in self._keys:
            environ.pop(key, None)
        if not environ.keys() <= self._harmless:
            self._remove_managed(environ)
        written, values = self._written, forward.values
        for place, name in enumerate(forward.names):
            environ[written[name]] = values[place]
        environ[IDENTITY] = forward.identity
        return environ

    def _remove_managed(self, environ: WSGIEnvironment) -> None:
        """Looks at the names that are not known to be harmless, and remembers those that are."""
        harmless = self._harmless
        for key in environ.keys() - harmless:
            if key in self._always_removed or (key[:5] == "HTTP_" and key[5:] in self.pipeline.managed):
                del environ[key]
            elif len(key) <= MAX_REMEMBERED_NAME:
                if len(harmless) >= MAX_REMEMBERED_NAMES:  # made up by clients, most of them
                    harmless.clear()
                harmless.add(key)


class WSGIAdministration:
    """The key set endpoints as a WSGI application: `middleware.admin`."""

    def __init__(self, driver: BlockingDriver, administration: Administration) -> None:
        self._driver = driver
        self._administration = administration

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._driver.run(self._administration.answer(_admin_request(environ)))
        start_response(status_line(answer.status), list(answer.headers))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]


def _admin_request(environ: WSGIEnvironment) -> AdminRequest:
    return AdminRequest(
        environ["REQUEST_METHOD"],
        decoded(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")),
        environ.get("RAW_URI") or environ.get("REQUEST_URI"),
        {name: environ[environ_key(name)] for name in HEADERS if environ_key(name) in environ},
        _body(environ),
        environ.get("HTTP_HOST", ""),
    )


def _body(environ: WSGIEnvironment) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    if environ["REQUEST_METHOD"] != "POST" or not (length.isascii() and length.isdigit()):
        return b""
    return environ["wsgi.input"].read(min(int(length), MAX_BODY + 1))  # type: ignore[no-any-return]


def environ_key(name: str) -> str:
    """PEP 3333: `X-Token` is `HTTP_X_TOKEN`."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def request_id(ids: RequestIds | None, environ: WSGIEnvironment) -> str:
    """Empty where nobody asks for it, or it is of no use."""
    return "" if ids is None else ids.read(environ.get(environ_key(ids.header)))


def with_body(incoming: Incoming, environ: WSGIEnvironment, settings: Settings) -> Incoming:
    """The same with the digest of its body, which is read and put back into the environ."""
    if incoming.delivery is None:
        return incoming
    digest = take_from_environ(environ, settings.max_bound_body_bytes)
    return incoming._replace(delivery=incoming.delivery._replace(digest=digest))


def decoded(path: str) -> str:
    """PEP 3333 paths are bytes in latin-1 clothes; frameworks read them as UTF-8."""
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")
