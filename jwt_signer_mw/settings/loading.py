"""From what users write to values by flat name: types, text forms, environment, references."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.declared import Parameters
from jwt_signer_mw.settings.declaring import Option, walk
from jwt_signer_mw.settings.issuers import IssuerMap
from jwt_signer_mw.settings.kinds import SeveralUnreadable, Unreadable, describe
from jwt_signer_mw.settings.references import mentions_reference, resolve
from jwt_signer_mw.settings.services import CertificateName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.services import ClientCertificate

PREFIX = "JWT_SIGNER_"
OPTIONS: Mapping[str, Option] = {option.name: option for option in walk(Parameters)}

# Variables that are no settings: the command's settings file, test runs, what Kubernetes and Docker set
# in every container when a service happens to be called "jwt-signer".
RESERVED = re.compile(
    r"CONFIG | TEST_\w+ | NAME | ENV_\w+ | SERVICE_HOST | SERVICE_PORT(_\w+)?"
    r"| PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?",
    re.VERBOSE,
)


def read_values(
    given: Mapping[Any, object], variables: Mapping[str, str], vault: Mapping[str, str]
) -> tuple[dict[str, Any], list[Problem]]:
    """Values by flat name, and what is wrong with them; a value that can't be read is left out.

    `variables` (`JWT_SIGNER_...`) fill what `given` leaves unset; references are read from `vault`.
    """
    values: dict[str, Any] = {}
    problems = [*_unknown_names(given), *_unknown_variables(variables)]
    for option, value in sorted(_merged(given, variables), key=_are_certificates, reverse=True):
        try:
            values[option.name] = _read(option, value, vault, values)
        except SeveralUnreadable as several:
            problems += (
                problem(one.problem, f"{option.name}.{path}", str(one)) for path, one in several.found
            )
        except Unreadable as unreadable:
            problems.append(problem(unreadable.problem, option.name, str(unreadable)))
    for token in ("access_token", "channel_token"):
        _fill_issuers(token, values)
    return values, problems


def _fill_issuers(token: str, values: dict[str, Any]) -> None:
    """Metadata are about exactly one issuer, so no others are accepted where no list says so.

    An introspection result need not name it (RFC 7662 section 2.2).
    """
    issuer, answers = values.get(f"{token}_discovery"), f"{token}_introspection"
    if issuer is None:
        return
    if values.get(f"{token}_issuers_allowed") is None:
        values[f"{token}_issuers_allowed"] = (issuer,)
    if values.get(f"{answers}_endpoint") is None and values.get(f"{answers}_issuers_allowed") is None:
        values[f"{answers}_issuers_allowed"] = (issuer,)
        path = values.get(f"{answers}_issuer_claim", ("iss",))
        optional = values.get(f"{answers}_optional_claims") or ()
        values[f"{answers}_optional_claims"] = (*(one for one in optional if one != path), path)


def parse_form(form: Mapping[str, str]) -> dict[str, object]:
    """The fields of a form post as a mapping for `Settings.load`: numbers and nulls are text there."""
    return {name: OPTIONS[name].parse(text) if name in OPTIONS else text for name, text in form.items()}


def variable_name(option: str) -> str:
    return PREFIX + option.upper()


def _merged(given: Mapping[Any, object], variables: Mapping[str, str]) -> Iterator[tuple[Option, object]]:
    for name, option in OPTIONS.items():
        if name in given:
            yield option, given[name]
        elif (variable := variable_name(name)) in variables:
            yield option, option.parse(variables[variable])


def _are_certificates(pair: tuple[Option, object]) -> bool:
    """Read first, since others name them."""
    return pair[0].name == "certificates"


def _read(option: Option, value: object, vault: Mapping[str, str], known: Mapping[str, Any]) -> Any:
    """The value; `known` are those that were read before. Raises `Unreadable`."""
    declared = option.declared
    if isinstance(declared.kind, IssuerMap) and value is not None:
        return declared.kind.read_by(value, lambda inner, one: _read(inner, one, vault, known))
    if declared.referenceable:
        value = resolve(value, vault)
    read = option.read(value)
    if declared.referenceable and isinstance(value, str) and isinstance(read, tuple):
        read = option.read(resolve(read, vault))  # a list as text may name references
    if mentions_reference(read):
        raise Unreadable("settings.E011", "has a reference in it that is not resolved here.")
    return _certificate(read, known) if isinstance(read, CertificateName) else read


def _certificate(name: CertificateName, known: Mapping[str, Any]) -> ClientCertificate:
    certificate: ClientCertificate | None = dict(known.get("certificates", ())).get(name.id)
    if certificate is None:
        raise Unreadable("settings.E012", "names a certificate that is not in `certificates`.")
    return certificate


def _unknown_names(given: Mapping[Any, object]) -> Iterator[Problem]:
    for name in given:
        if not isinstance(name, str):
            yield problem("settings.E001", "", f"A name must be text, not {describe(name)}.")
        elif name not in OPTIONS:
            yield problem("settings.E001", name, "There is no such option.", _suggestion(name.lower(), ""))


def _unknown_variables(variables: Mapping[str, str]) -> Iterator[Problem]:
    """A misspelt variable must not switch off a check in silence."""
    for variable in variables:
        if not variable.startswith(PREFIX) or RESERVED.fullmatch(variable.removeprefix(PREFIX)):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if variable != variable_name(name) or name not in OPTIONS:
            text = "There is no such environment variable."
            yield problem("settings.E001", variable, text, _suggestion(name, PREFIX))


def _suggestion(name: str, prefix: str) -> str:
    near = difflib.get_close_matches(name[:100], OPTIONS, n=1)
    if not near:
        return ""
    return f"Did you mean {prefix}{near[0].upper() if prefix else near[0]}?"
