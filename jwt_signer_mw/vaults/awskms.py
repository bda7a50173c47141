"""Keys of AWS Key Management Service, by boto3: each signature is one request to the service."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from jwt_signer_mw.algorithms import ALGORITHMS
from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.jose import bind_key, to_jwk
from jwt_signer_mw.settings.vault_addresses import Service, read_address
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from jwt_signer_mw.jose import Key

CONNECTIONS = 32  # kept, for as many threads that sign at once
MAX_RAW = 4096  # bytes that the service hashes itself
_NAMES: Final = {
    "RS256": "RSASSA_PKCS1_V1_5_SHA_256",
    "RS384": "RSASSA_PKCS1_V1_5_SHA_384",
    "RS512": "RSASSA_PKCS1_V1_5_SHA_512",
    "PS256": "RSASSA_PSS_SHA_256",
    "PS384": "RSASSA_PSS_SHA_384",
    "PS512": "RSASSA_PSS_SHA_512",
    "ES256": "ECDSA_SHA_256",
    "ES384": "ECDSA_SHA_384",
    "ES512": "ECDSA_SHA_512",
}
_SCALARS: Final = {"ES256": 32, "ES384": 48, "ES512": 66}  # bytes of r and of s (RFC 7518 section 3.4)


def open_url(url: str, timeout: float) -> KeyService:
    address = read_address(url)
    assert isinstance(address, Service)  # noqa: S101  by its scheme
    return KeyService(address, timeout)


class KeyService:
    """The keys of one address. Credentials come from where boto3 finds them, never from settings."""

    def __init__(self, address: Service, timeout: float) -> None:
        """`timeout` in seconds, of connecting and of an answer each."""
        self._address = address
        self._config = Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"total_max_attempts": 2},
            max_pool_connections=CONNECTIONS,
        )
        self._client: Any = None
        self._process = 0

    def read(self) -> list[Key]:
        """Raises `StoreError`."""
        return [self._read_key(name) for name in self._address.keys]

    def _read_key(self, name: str) -> Key:
        answer = self._ask("get_public_key", KeyId=name)
        try:
            jwk = to_jwk(load_der_public_key(answer["PublicKey"]))
        except (Malformed, ValueError, TypeError) as error:
            raise StoreError(f"a key that can't be used: {type(error).__name__}") from None
        return bind_key(jwk, partial(self._sign, answer["KeyId"]))  # an alias may move to another key

    def _sign(self, key_id: str, alg: str, message: bytes) -> bytes:
        """In the form of RFC 7518 section 3. Raises `StoreError`."""
        kind = "RAW"
        if len(message) > MAX_RAW:
            kind, message = "DIGEST", hashlib.new(f"sha{ALGORITHMS[alg].hash_size * 8}", message).digest()
        answer = self._ask(
            "sign", KeyId=key_id, Message=message, MessageType=kind, SigningAlgorithm=_NAMES[alg]
        )
        signature: bytes = answer["Signature"]
        size = _SCALARS.get(alg)
        if size is None:
            return signature
        r, s = decode_dss_signature(signature)
        return r.to_bytes(size) + s.to_bytes(size)

    def _ask(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._open(), operation)(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise StoreError(f"the key service answered {code!r} to {operation}") from None
        except (BotoCoreError, ValueError) as error:
            raise StoreError(f"the key service: {type(error).__name__}") from None

    def _open(self) -> Any:
        """A client is safe for threads, its connections are not for forks."""
        if self._client is None or self._process != os.getpid():
            session, address = Session(), self._address
            self._client = session.client(
                "kms", region_name=address.region, endpoint_url=address.endpoint, config=self._config
            )
            self._process = os.getpid()
        return self._client
