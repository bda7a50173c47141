"""One named policy: from the headers of a request to a decision, and from a decision to an environ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from flask_jwt_signer.signals import token_accepted
from jwt_signer_mw.assembly import Assembly, Services
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.observed import observed
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.messages import IDENTITY, Incoming
from jwt_signer_mw.request.delivery import delivery_to_wsgi
from jwt_signer_mw.wsgi import decoded, environ_key, request_id, with_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed.wsgi import WSGIEnvironment

    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.messages import Decision, Forward, Rejection
    from jwt_signer_mw.settings import Settings


class Policy:
    """Decides requests by one set of settings. Building it makes or loads the keys that it signs with.

    `removed` are environ keys, `manages` tells it of any header name: what no client may send to the
    application.
    """

    def __init__(self, settings: Settings, **services: Unpack[Services]) -> None:
        self.assembly = Assembly(settings, **services)
        self.settings = self.assembly.settings
        self.pipeline = self.assembly.pipeline
        self.driver = BlockingDriver(
            observed(self.assembly.transport or RequestsTransport(), self.assembly.observers)
        )
        self.driver.run(self.assembly.keyring.prepare())
        self._keys = tuple(map(environ_key, self.pipeline.reads))
        self._written = {name: environ_key(name) for name in self.pipeline.writes}
        self.manages = self.pipeline.managed.__contains__
        self.removed = frozenset((*self._keys, *self._written.values()))

    def decide(self, environ: WSGIEnvironment, taken: Mapping[str, str]) -> Decision:
        """The decision on the request of `environ`, whose managed headers were `taken` from it before."""
        pipeline = self.pipeline
        path = decoded(environ.get("PATH_INFO", ""))
        if not pipeline.exempt or path not in pipeline.exempt:
            forward = pipeline.recall(tuple(map(taken.get, self._keys)))
            if forward is not None:
                if len(pipeline.observers) > 1 or token_accepted.receivers:  # somebody besides the signals
                    told = request_id(pipeline.request_ids, environ)
                    pipeline.accepted(environ["REQUEST_METHOD"], path, forward, told)
                return forward
        incoming = self._incoming(environ, taken)
        if pipeline.binds_body and path not in pipeline.exempt:
            incoming = with_body(incoming, environ, self.settings)
        return self.driver.run(pipeline.decide(incoming))

    def refuse(self, environ: WSGIEnvironment, refusal: Refusal) -> Rejection:
        """The answer to a refusal that was decided elsewhere; it is logged and told like any other."""
        return self.pipeline.reject(refusal, self._incoming(environ, {}))

    def stored_sets(self) -> list[StoredSet]:
        """Our own key sets, as far as this process knows them."""
        named = (keys for keys in self.assembly.keyring.sets() if isinstance(keys, Named))
        return [keys.held.stored for keys in named if keys.held is not None]

    def write(self, environ: WSGIEnvironment, forward: Forward) -> None:
        """Puts what goes on to the application into `environ`."""
        written = self._written
        for name, value in zip(forward.names, forward.values, strict=True):
            environ[written[name]] = value
        environ[IDENTITY] = forward.identity

    def _incoming(self, environ: WSGIEnvironment, taken: Mapping[str, str]) -> Incoming:
        return Incoming(
            environ["REQUEST_METHOD"],
            decoded(environ.get("PATH_INFO", "")),
            environ.get("HTTP_HOST") or environ.get("SERVER_NAME", ""),
            tuple(map(taken.get, self._keys)),
            delivery=delivery_to_wsgi(environ) if self.pipeline.binds else None,
            request_id=request_id(self.pipeline.request_ids, environ),
        )
