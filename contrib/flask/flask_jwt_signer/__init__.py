"""JWT signer for Flask: an extension that only translates. The core is `jwt_signer_mw`."""
