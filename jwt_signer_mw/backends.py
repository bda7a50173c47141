"""A backend by the scheme of its URL, imported when it is asked for: each needs a library of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def load_backend(option: str, url: str, modules: Mapping[str, str]) -> Any:
    """The module that `modules` names for the URL's scheme.

    Raises `ConfigurationError` for a scheme that is not known here, or whose library is not installed.
    """
    scheme = url.partition(":")[0].partition("+")[0].lower()
    module = modules.get(scheme)
    if module is None:
        raise refused(
            option, "backends.E001", f"has the unknown scheme {scheme!r}.", f"Known are {', '.join(modules)}."
        )
    try:
        return import_module(module)
    except ImportError as error:
        raise missing(option, module, error) from None


def missing(option: str, module: str, error: ImportError) -> ConfigurationError:
    """For a library that is not installed; the extra that brings it is named like the module."""
    hint = f"pip install 'jwt-signer-mw[{module.rpartition('.')[2]}]'"
    return refused(option, "backends.E002", f"needs the module {error.name}, which is not installed.", hint)


def refused(option: str, problem: str, text: str, hint: str = "") -> ConfigurationError:
    """For what makes a value of `option` unusable."""
    return ConfigurationError([Problem(problem, "error", option, text, hint)])
