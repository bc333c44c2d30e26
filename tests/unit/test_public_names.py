"""Public names: listed, sorted, documented, and the only ones."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import warnings
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


@pytest.mark.parametrize("name", [n for n in registry_tool.__all__ if n != "__version__"])
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(registry_tool, name)
    if isinstance(value, str):
        return
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        for member, function in inspect.getmembers(value, inspect.isfunction):
            own = function.__module__.startswith("registry_tool.") and not member.startswith("_")
            assert not own or inspect.getdoc(function), f"{name}.{member}"


def test_every_error_is_public_and_says_how_the_program_ends() -> None:
    errors = registry_tool.errors
    classes = [
        c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__
    ]
    assert {c.__name__ for c in classes} == set(errors.__all__)
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


@pytest.mark.parametrize("name", MODULES)
def test_a_module_s_public_names_are_sorted_and_there(name: str) -> None:
    listed = _named_all(name)
    module = _module(name)
    assert module.__doc__
    if listed is None:
        public = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == name]
        assert [n for n in public if not n.startswith("_")] == []
        return
    assert listed == _natural(listed)
    for each in listed:
        value = getattr(module, each)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{name}.{each}"
