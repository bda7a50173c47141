"""JWT signer for Django: an application that only translates. The core is `jwt_signer_mw`."""
