"""What stands between the server and the views of one application: `app.extensions["jwt_signer"]`.

Two places, because neither is enough:
1. Around `app.wsgi_app`, the managed headers are taken from a copy of the environ. Whatever runs before
   the check (a session interface, `request_started`, converters, hooks that were pushed to the front)
   sees a request without tokens and without a client's copy of what is written later.
2. The first `before_request` function decides: only there the view is known, and with it the policy, and
   only from there a refusal takes Flask's way through error handlers and `after_request`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from flask import request

from flask_jwt_signer.configuration import SETTINGS
from flask_jwt_signer.marks import DEFAULT, EXEMPT, policy_of
from flask_jwt_signer.refusals import refused
from flask_jwt_signer.signals import keyset_rotated, tell
from jwt_signer_mw.errors import InternalError
from jwt_signer_mw.flows.purge import purge_all
from jwt_signer_mw.messages import IDENTITY, NOBODY, Forward
from jwt_signer_mw.request.metadata import Directory
from jwt_signer_mw.request.names import MAX_REMEMBERED_NAMES
from jwt_signer_mw.tenants.refusing import MISDIRECTED, refuse
from jwt_signer_mw.wsgi import decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask, Request, Response

    from flask_jwt_signer.policy import Policy
    from flask_jwt_signer.refusals import RequestRefused
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.purge import Purge, Purged
    from jwt_signer_mw.messages import Rejection
    from jwt_signer_mw.settings import Settings
    from jwt_signer_mw.tenants.hosts import Hosts

NAME = "jwt_signer"  # in `app.extensions`, and of the blueprint
KEYSETS = f"{NAME}.keysets"  # the endpoint

# In the environ:
TAKEN = "flask_jwt_signer.taken"
JUDGED = "flask_jwt_signer.policy"
REFUSED = "flask_jwt_signer.refused"
_DESCRIBE_THE_BODY = ("Content-Type", "Content-Length")


class Taken(dict[str, str]):
    """The client's managed headers, by environ key. Its text shows none: debuggers print environs."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers that are not for the application>"


class Gate:
    """The policies of one application, by name, and the doors that they guard."""

    def __init__(
        self, app: Flask, policies: Mapping[str, Policy], *, allow_preflight: bool, hosts: Hosts | None = None
    ) -> None:
        """`hosts` choose among the policies where a view names none."""
        self.app = app
        self.hosts = hosts
        self._application: WSGIApplication = app.wsgi_app
        self._allow_preflight = allow_preflight
        self._rotations: dict[str, float] = {}  # when a set was rotated last, by its id
        self.policies = policies

    @property
    def policies(self) -> Mapping[str, Policy]:
        return self._policies

    @policies.setter
    def policies(self, policies: Mapping[str, Policy]) -> None:
        """What one policy removes is removed for all: what one writes must not be forged under another."""
        self._policies = policies
        self._metadata = Directory((one.pipeline.metadata, one.pipeline) for one in policies.values())
        self._removed = frozenset(key for policy in policies.values() for key in policy.removed)
        self._managing = tuple(policy.manages for policy in policies.values())
        self._harmless: set[str] = set()
        self._note_rotations()

    def attach(self) -> None:
        app = self.app
        self.extensions = frozenset(app.extensions)  # that were there before
        app.extensions[NAME] = self
        app.wsgi_app = self.take_headers  # type: ignore[method-assign]
        app.before_request_funcs.setdefault(None, []).insert(0, self.check)
        app.after_request_funcs.setdefault(None, []).insert(0, self.keep_refusal)  # these run last to first

    def take_headers(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The application, called with a copy of the environ: the server's own stays as it is."""
        environ = environ.copy()
        self._take_from(environ)
        return self._application(environ, start_response)

    def check(self) -> Response | None:
        """Lets the request of the current context through (None), or raises `RequestRefused`."""
        current: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        environ = current.environ
        taken = environ.get(TAKEN)
        if taken is None:  # a context that was pushed by hand, as tests do
            taken = self._take_from(environ)
        if self._metadata and (server := self._metadata.find(decoded(environ["PATH_INFO"]), current.host)):
            return shown(self.app, server.show_metadata(current.method), current.method)
        name = policy_of(self.app, current.endpoint)
        if name == EXEMPT or (self._allow_preflight and _is_preflight(current)):
            if current.endpoint != KEYSETS:  # they are not exempt, they have another rule
                self._policies[DEFAULT].pipeline.let_through(current.method, current.path)
            return None
        if name == DEFAULT and self.hosts is not None:
            chosen = self.choose(environ)
            if not isinstance(chosen, str):
                return shown(self.app, chosen, current.method)
            name = chosen
        policy = self._policies.get(name)
        if policy is None:
            self.refuse(InternalError(f"no policy is named {name!r}", option=SETTINGS))
        decision = policy.decide(environ, taken)
        if not isinstance(decision, Forward):
            raise _refusal(environ, decision)
        policy.write(environ, decision)
        environ[JUDGED] = policy
        if keyset_rotated.receivers:
            self.tell_rotations()
        return None

    def choose(self, environ: WSGIEnvironment) -> str | Rejection:
        """The name of the policy for the host that was asked for, or the answer where there is none."""
        assert self.hosts is not None  # noqa: S101  else nobody asks
        targets = map(environ.get, ("RAW_URI", "REQUEST_URI"))
        path, method = decoded(environ["PATH_INFO"]), environ["REQUEST_METHOD"]
        name, asked = self.hosts.choose(environ.get("HTTP_HOST"), targets, path, method)
        return refuse(MISDIRECTED, asked) if name is None else name

    def purge(self, purge: Purge) -> Flow[Purged]:
        """Forgets in all policies what was decided and answered about some tokens. Raises `StoreError`."""
        return purge_all([policy.pipeline for policy in self._policies.values()], purge)

    def refuse(self, refusal: Refusal) -> NoReturn:
        """Ends the current request by a refusal that was decided elsewhere."""
        environ = request.environ
        policy: Policy = environ.get(JUDGED, self._policies[DEFAULT])
        raise _refusal(environ, policy.refuse(environ, refusal))

    def judging_settings(self) -> Settings:
        """Those that the current request was decided by."""
        policy: Policy = request.environ.get(JUDGED, self._policies[DEFAULT])
        return policy.settings

    def tell_rotations(self) -> None:
        """Sends `keyset_rotated` for what was rotated since the last look, here or by another process."""
        for name in self._note_rotations():
            tell(keyset_rotated, self.app, keyset=name)

    def keep_refusal(self, response: Response) -> Response:
        """An error handler may render a refusal as it likes: the status and the challenge stay."""
        rejection: Rejection | None = request.environ.get(REFUSED)
        if rejection is not None:
            response.status_code = rejection.status
            for name, value in rejection.headers:
                if name not in _DESCRIBE_THE_BODY:
                    response.headers[name] = value
        return response

    def _note_rotations(self) -> list[str]:
        rotated: list[str] = []
        for policy in self._policies.values():
            for stored in policy.stored_sets():
                before = self._rotations.get(stored.id)
                if before is None or before < stored.rotated_at:
                    self._rotations[stored.id] = stored.rotated_at
                    rotated += [] if before is None else [stored.name]
        return rotated

    def _take_from(self, environ: WSGIEnvironment) -> Taken:
        taken, harmless = Taken(), self._harmless
        for key in environ.keys() - harmless:
            if key in self._removed or (key[:5] == "HTTP_" and self._is_managed(key[5:])):
                taken[key] = environ.pop(key)
            elif len(harmless) < MAX_REMEMBERED_NAMES:
                harmless.add(key)
        environ[TAKEN] = taken
        environ[IDENTITY] = NOBODY
        return taken

    def _is_managed(self, name: str) -> bool:
        return any(manages(name) for manages in self._managing)


def gate_of(app: Flask) -> Gate:
    """Raises `RuntimeError` for an application without the extension."""
    gate: Gate | None = app.extensions.get(NAME)
    if gate is None:
        raise RuntimeError("This application has no JWTSigner: call `init_app` first.")
    return gate


def _refusal(environ: WSGIEnvironment, rejection: Rejection) -> RequestRefused:
    environ[REFUSED] = rejection
    return refused(rejection)


def shown(app: Flask, answer: Rejection, method: str) -> Response:
    """An answer that takes no way through error handlers."""
    body = b"" if method == "HEAD" else answer.body
    return app.response_class(body, answer.status, [*answer.headers])


def _is_preflight(request: Request) -> bool:
    """A CORS preflight that Flask answers without any view (Fetch standard section 3.2.2)."""
    return (
        request.method == "OPTIONS"
        and "HTTP_ORIGIN" in request.environ
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ
        and getattr(request.url_rule, "provide_automatic_options", False) is True
    )
