"""What to do about refusals of bound tokens: `{0}` stands for the token's name."""

BOUND = {
    "token_not_bound": "Ask the provider for a token that is bound to the client; see {0}_dpop.",
    "token_bound_to_key": "Send it as `Authorization: DPoP <token>`, with a proof in the header DPoP.",
    "client_certificate_missing": (
        "Send it over mutual TLS with the certificate that it was issued for. Behind a proxy, "
        "client_certificate_header names the header that tells of it."
    ),
    "client_certificate_invalid": "See client_certificate_format: the proxy writes something else.",
    "client_certificate_mismatch": "Use the certificate that the token was issued for (cnf.x5t#S256).",
    "body_too_large": "Raise max_bound_body_bytes, or leave body out of {0}_upstream_request for this route.",
    "request_mismatch": "Ask the gateway for a token for this very request.",
    "dpop_proof_missing": "Send a proof in the header DPoP: a new one with every request.",
    "dpop_proof_repeated": "Send one header DPoP. A proxy in front may have added a second one.",
    "dpop_proof_invalid": "The proof is a JWT of typ dpop+jwt with a public jwk, jti, htm, htu, iat and ath.",
    "dpop_proof_for_another": (
        "Make a proof for this method, this URI and this token; behind a proxy, public_origins says what "
        "the URI is for clients."
    ),
    "dpop_proof_outdated": "Make each proof when it is sent, by a clock that is right; see {0}_dpop_max_age.",
    "dpop_proof_replayed": "Make a new proof, with a jti of its own, for every request and every retry.",
    "dpop_nonce_required": "Try again with the nonce in the answer's header DPoP-Nonce.",
    "dpop_key_mismatch": "Sign the proof with the key that the token was issued for (cnf.jkt).",
}
