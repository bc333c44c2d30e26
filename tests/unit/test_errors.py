from __future__ import annotations

import inspect
import re
from typing import get_args

import pytest

from registry_tool import errors
from registry_tool.errors import ErrorCode, RegistryError

CLASSES = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, RegistryError)
]
_ROW = re.compile(
    r"^ {4}(?P<indent>[│├└─ ]*)(?P<name>\w+Error) .*? (?P<code>[a-z_]+) +(?P<exit>\d)$"
)


def _depth(found: type[RegistryError]) -> int:
    return len([c for c in found.__mro__ if issubclass(c, RegistryError)]) - 1


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    rows = [m for line in (errors.__doc__ or "").splitlines() if (m := _ROW.match(line))]
    written = {m["name"]: (len(m["indent"]) // 4, m["code"], int(m["exit"])) for m in rows}
    assert written == {c.__name__: (_depth(c), c.code, c.exit_code) for c in CLASSES}


def test_all_classes_are_public() -> None:
    assert {c.__name__ for c in CLASSES} <= set(errors.__all__)


def test_codes_are_a_closed_set() -> None:
    assert {c.code for c in CLASSES} == set(get_args(ErrorCode))


@pytest.mark.parametrize("found", CLASSES, ids=lambda c: c.__name__)
def test_one_code_has_one_exit_code(found: type[RegistryError]) -> None:
    expected = {"usage": 2, "not_found": 2, "unavailable": 4}
    assert found.exit_code == expected.get(found.code, 1)
