"""The options of remotes that the installed DVC knows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

__all__ = ["known_options"]


def known_options() -> Mapping[str, frozenset[str]]:
    """The names of the options for each scheme of a remote's URL; ``""`` is a local path.

    Read from the validator of the section ``remote``: DVC has a public table of them only since a version that is
    newer than the lowest one that we support.
    """
    from dvc.config_schema import SCHEMA

    validator: Any = SCHEMA["remote"][str]
    schemas = inspect.getclosurevars(validator).nonlocals["schemas"]
    return {
        scheme: frozenset(str(getattr(option, "schema", option)) for option in schema.schema)
        for scheme, schema in schemas.items()
    }
