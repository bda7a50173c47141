"""`jwt-signer schema`: for editors that complete names and check values while a file is typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jwt_signer_mw.gateway.schema import gateway_schema

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "It fits settings of one policy as well as gateway files, in TOML, YAML and JSON."


def run(_: argparse.Namespace) -> int:
    print(json.dumps(gateway_schema(), indent=2))
    return 0
