"""How we show an introspection endpoint who we are (RFC 7662 section 2.1)."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from jwt_signer_mw.flows.signers import sign
from jwt_signer_mw.settings.introspecting import PRIVATE_KEY, SECRET_BASIC, SECRET_POST, TLS
from jwt_signer_mw.wire import dump_json, encode_base64url

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Exchange, Flow
    from jwt_signer_mw.flows.keys import Signer
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.settings import IntrospectionClient

ASSERTION_LIFE = 60  # seconds; it is used once, at once
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2

Fields = list[tuple[str, str]]


class ClientAuth:
    """The credentials of one token's introspection, by `{token}_introspection_client_auth`."""

    def __init__(self, client: IntrospectionClient, endpoint: str, keys: Signer | None, clock: Clock) -> None:
        self._client = client
        self._audience = client.audience or endpoint
        self._keys = keys
        self._now = clock.now

    def dress(self, exchange: Exchange) -> Exchange:
        """The exchange with what is the same each time: a header, or our certificate."""
        client = self._client
        if client.method == SECRET_BASIC:
            pair = (
                f"{quote_plus(client.id or '')}:{quote_plus(client.secret or '')}"  # RFC 6749 section 2.3.1
            )
            value = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
            return exchange._replace(headers=(*exchange.headers, ("Authorization", value)))
        if client.method == TLS:
            return exchange._replace(certificate=client.certificate)
        return exchange

    def fields(self) -> Flow[Fields]:
        """Form fields to send along. Raises what tells that there is no key to sign with."""
        client = self._client
        if client.method is None or client.method == SECRET_BASIC:
            return []
        fields = [("client_id", client.id or "")]
        if client.method == SECRET_POST:
            fields.append(("client_secret", client.secret or ""))
        elif client.method == PRIVATE_KEY and self._keys is not None:
            assertion = yield from self._assert(self._keys)
            fields += [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]
        return fields

    def _assert(self, keys: Signer) -> Flow[str]:
        """RFC 7523 section 3: new for each exchange, since a provider takes each `jti` once."""
        key, alg = keys.key or (yield from keys.ready()), self._client.algorithm
        message = f"{self._header(key)}.{self._claims()}".encode("ascii")
        signature = yield from sign(key, alg, message)
        keys.used(self._now() + ASSERTION_LIFE)
        return f"{message.decode('ascii')}.{encode_base64url(signature)}"

    def _header(self, key: Key) -> str:
        header = {"alg": self._client.algorithm, "kid": key.published_kid, "typ": "JWT"}
        return encode_base64url(dump_json(header))

    def _claims(self) -> str:
        now, name = int(self._now()), self._client.id
        claims = {
            "iss": name,
            "sub": name,
            "aud": self._audience,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + ASSERTION_LIFE,
        }
        return encode_base64url(dump_json(claims))
