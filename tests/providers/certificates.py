"""Certificates of an authority of our own, and some that must not be trusted, as PEM files."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

import trustme

if TYPE_CHECKING:
    from pathlib import Path


class Certificate(NamedTuple):
    """Paths of a certificate and its key, and of both in one file."""

    certificate: Path
    key: Path
    bundle: Path


class Certificates(NamedTuple):
    authority: Path  # the certificate to trust
    other_authority: Path
    server: Certificate  # localhost
    expired: Certificate  # localhost, until the year 2001
    wrong_host: Certificate  # elsewhere.example
    untrusted: Certificate  # localhost, by the other authority
    client: Certificate
    untrusted_client: Certificate  # by the other authority


def write_certificate(folder: Path, name: str, issued: trustme.LeafCert) -> Certificate:
    paths = Certificate(*(folder / f"{name}{end}" for end in ("-cert.pem", "-key.pem", ".pem")))
    issued.cert_chain_pems[0].write_to_path(paths.certificate)
    issued.private_key_pem.write_to_path(paths.key)
    issued.private_key_and_cert_chain_pem.write_to_path(paths.bundle)
    return paths


def make_certificates(folder: Path) -> Certificates:
    """Write them all into the folder."""
    ours, other = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(folder / "authority.pem")
    other.cert_pem.write_to_path(folder / "other-authority.pem")
    past = [datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2000, 2001)]
    issued = {
        "server": ours.issue_cert("localhost", "127.0.0.1"),
        "expired": ours.issue_cert("localhost", not_before=past[0], not_after=past[1]),
        "wrong_host": ours.issue_cert("elsewhere.example"),
        "untrusted": other.issue_cert("localhost"),
        "client": ours.issue_cert("client.localhost"),
        "untrusted_client": other.issue_cert("client.localhost"),
    }
    leaves = {name: write_certificate(folder, name, certificate) for name, certificate in issued.items()}
    return Certificates(folder / "authority.pem", folder / "other-authority.pem", **leaves)
