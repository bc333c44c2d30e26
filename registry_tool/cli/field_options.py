"""Options of commands that add a model or a version, from the table of fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import click

from registry_tool.api.interface.fields import Field, Option, allowed_values

if TYPE_CHECKING:
    from registry_tool.api.interface.types import JSON

__all__ = ["field_options", "given_fields"]

_Function = TypeVar("_Function", bound=Callable[..., object])
# Kinds of fields that an option adds to, one value each time it is given.
_MULTIPLE = frozenset({"words", "free", "records"})


def _option(field: Field, option: Option) -> Callable[[_Function], _Function]:
    flag, metavar, help_, is_required = option
    values = () if metavar else allowed_values(f"{field.files[0]}/v1", *field.path)
    return click.option(
        flag, field.name, metavar=metavar or None, required=is_required, help=help_,
        multiple=field.kind in _MULTIPLE, type=click.Choice(values) if values else None,
    )  # fmt: skip


def field_options(fields: tuple[Field, ...]) -> Callable[[_Function], _Function]:
    """The options of all fields that have one, in the order of the table; each is passed by its field's name."""

    def decorate(function: _Function) -> _Function:
        for field in reversed(fields):
            if field.option is not None:
                function = _option(field, field.option)(function)
        return function

    return decorate


def given_fields(fields: tuple[Field, ...], options: Mapping[str, object]) -> dict[str, JSON]:
    """The fields that options of ``field_options`` give, as plain data; what was not given is left out.

    Raises:
        UsageError: A value is not of the form that its option requires.
    """
    from registry_tool.cli.parsing import json_pairs, link

    found: dict[str, JSON] = {}
    for field in fields:
        value = None if field.option is None else options[field.name]
        if isinstance(value, str):
            found[field.name] = value
        elif field.option is not None and isinstance(value, tuple) and value:
            texts = [str(one) for one in value]
            if field.kind == "free":
                found[field.name] = json_pairs(texts, field.option.flag)
            elif field.kind == "records":
                found[field.name] = [link(one) for one in texts]
            else:
                found[field.name] = [*dict.fromkeys(texts)]
    return found
