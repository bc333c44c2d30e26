"""Public names: listed, sorted, documented, and the only ones."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import registry_tool

PACKAGE = Path(registry_tool.__file__).parent
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages([str(PACKAGE)], "registry_tool.")
    if not found.name.endswith(".__main__")
)


def _natural(names: list[str]) -> list[str]:
    """Constants, then classes, then the rest: the order of ruff's RUF022."""
    return sorted(names, key=lambda n: (0 if n.isupper() else 1 if n[0].isupper() else 2, n))


def test_the_package_shows_its_public_names_and_no_others() -> None:
    assert dir(registry_tool) == sorted(registry_tool.__all__) or set(dir(registry_tool)) == set(
        registry_tool.__all__
    )
    assert set(registry_tool._HOMES) == set(registry_tool.__all__)
    assert list(registry_tool.__all__) == _natural(list(registry_tool.__all__))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        registry_tool.nothing  # noqa: B018 (asking is the point)


def _undocumented_members(name: str) -> list[str]:
    members = inspect.getmembers(getattr(registry_tool, name), inspect.isfunction)
    return [
        f"{name}.{member}"
        for member, function in members
        if function.__module__.startswith("registry_tool.")
        if not member.startswith("_") and not inspect.getdoc(function)
    ]


def test_every_public_name_is_there_and_documented() -> None:
    values = {name: getattr(registry_tool, name) for name in registry_tool.__all__}
    silent = [n for n, v in values.items() if not isinstance(v, str) and not inspect.getdoc(v)]
    classes = [name for name, value in values.items() if inspect.isclass(value)]
    assert [*silent, *(found for name in classes for found in _undocumented_members(name))] == []


def test_every_error_is_public_and_says_how_the_program_ends() -> None:
    errors = registry_tool.errors
    classes = [
        c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__
    ]
    assert {c.__name__ for c in classes} == set(errors.__all__) - {"ErrorCode"}
    for error in classes:
        assert issubclass(error, errors.RegistryError)
        assert error.exit_code in {1, 2, 4}
        assert error.__name__ in str(errors.__doc__)


def test_an_error_is_its_message_and_its_remedy() -> None:
    error = registry_tool.errors.NotFoundError("there is no x", remedy="make one")
    assert (error.message, error.remedy, str(error)) == (
        "there is no x", "make one", "there is no x\nmake one",
    )  # fmt: skip
    assert str(registry_tool.errors.NotFoundError("there is no x")) == "there is no x"


def _module(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other packages say when they are imported
        return importlib.import_module(name)


def _named_all(name: str) -> list[str] | None:
    path = PACKAGE.parent / Path(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(item) for item in ast.literal_eval(node.value)]
    return None


def _faults(name: str) -> Iterator[str]:
    listed, module = _named_all(name), _module(name)
    if not module.__doc__:
        yield f"{name}: has no docstring"
    if listed is None:
        public = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == name]
        yield from (f"{name}: __all__ lacks {n}" for n in public if not n.startswith("_"))
        return
    if listed != _natural(listed):
        yield f"{name}: __all__ is not sorted"
    for each in listed:
        value = getattr(module, each, None)
        if not hasattr(module, each):
            yield f"{name}: __all__ names {each}, which it does not define"
        elif (inspect.isclass(value) or inspect.isfunction(value)) and not inspect.getdoc(value):
            yield f"{name}.{each}: has no docstring"


def test_each_module_s_public_names_are_sorted_and_there() -> None:
    assert [fault for name in MODULES for fault in _faults(name)] == []
