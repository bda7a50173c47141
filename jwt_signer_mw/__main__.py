"""`python -m jwt_signer_mw` is the command `jwt-signer`."""

from __future__ import annotations

import sys

from jwt_signer_mw.command import main

if __name__ == "__main__":
    sys.exit(main())
