"""Keys and signatures: a strict layer in front of python-jose.

The one key is chosen here, by kid, kty, curve, alg, use and key_ops; texts are decoded strictly,
lengths are exact, and python-jose only ever sees prebuilt keys.
"""

from jwt_signer_mw.algorithms import ASYMMETRIC, SIGNING_ALGORITHMS, SYMMETRIC
from jwt_signer_mw.jose.compact import find_signer, sign_compact, verify_compact, verify_signature
from jwt_signer_mw.jose.export import to_jwk
from jwt_signer_mw.jose.generation import generate_key
from jwt_signer_mw.jose.key import Key, bind_key, load_key
from jwt_signer_mw.jose.keyset import KeySet, load_keyset, load_pem

__all__ = [
    "ASYMMETRIC",
    "SIGNING_ALGORITHMS",
    "SYMMETRIC",
    "Key",
    "KeySet",
    "bind_key",
    "find_signer",
    "generate_key",
    "load_key",
    "load_keyset",
    "load_pem",
    "sign_compact",
    "to_jwk",
    "verify_compact",
    "verify_signature",
]
