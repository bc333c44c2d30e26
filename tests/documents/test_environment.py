"""``docs/environment.md`` lists every variable and every Git setting that the package reads, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "environment.md"
TREES: Final = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "registry_tool").rglob("*.py"))
}
# What is read by a name that is put together: the expression, and the names that come of it.
COMPOSED: Final = {
    "f'GIT_{role.upper()}_{part.upper()}'": {
        "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL",
    },
    "f'GIT_{role.upper()}_DATE'": {"GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"},
    "f'{role}.{part}'": {"author.name", "author.email", "committer.name", "committer.email"},
    "f'user.{part}'": {"user.name", "user.email"},
    "f'remote.{remote}.url'": {"remote.<name>.url"},
    "f'remote.{_REMOTE}.url'": {"remote.origin.url"},
    # A parameter: its values are constants of the same module, which are found by their form.
    "variable": set(),
    "name": {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"},
    "key": set(),
    "setting": {"receive.fsck.zeroPaddedFilemode"},
}  # fmt: skip
# Matched over all names, or passed on to Git.
BY_FORM: Final = {"GITHEAD_<commit>", "GIT_CONFIG", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"}
_OWN_VARIABLE = re.compile(r"_?REGISTRY_[A-Z_]+")
_OWN_SETTING = re.compile(r"\bregistry\.(?:receive\.[a-zA-Z]+|published|workers)\b")


def _constants(tree: ast.Module) -> dict[str, str]:
    """Names of a module, and the texts they stand for."""
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        target: ast.expr = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        value = node.value
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
            found[target.id] = str(value.value)
    return found


CONSTANTS: Final = {path: _constants(tree) for path, tree in TREES.items()}
EVERYWHERE: Final = {
    name: text for constants in CONSTANTS.values() for name, text in constants.items()
}


def _names(path: Path, expression: ast.expr) -> set[str]:
    if isinstance(expression, ast.Constant):
        return {str(expression.value)}
    text = ast.unparse(expression)
    name = text.rpartition(".")[2]
    known = CONSTANTS[path].get(name) or EVERYWHERE.get(name)
    if known is not None:
        return {known}
    assert text in COMPOSED, f"{path}:{expression.lineno}: {text}: add what it reads to COMPOSED"
    return COMPOSED[text]


def _is_environment(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name == "environ"


def _read_of(node: ast.AST) -> ast.expr | None:
    """The expression that names a variable, where a node reads one."""
    if isinstance(node, ast.Subscript) and _is_environment(node.value):
        return node.slice
    if isinstance(node, ast.Compare) and _is_environment(node.comparators[0]):
        return node.left
    if isinstance(node, ast.Call):
        function = node.func
        of_environment = isinstance(function, ast.Attribute) and _is_environment(function.value)
        name = getattr(function, "attr", getattr(function, "id", ""))
        if name == "getenv" or (of_environment and node.args):
            return node.args[0]
        given = (word.value for word in node.keywords if word.arg == "envvar")
        return next(given, None)
    return None


def _variables() -> set[str]:
    found: set[str] = set()
    for path, tree in TREES.items():
        exported = {
            id(node)
            for assigned in ast.walk(tree)
            if isinstance(assigned, ast.Assign) and ast.unparse(assigned.targets[0]) == "__all__"
            for node in ast.walk(assigned.value)
        }
        for node in ast.walk(tree):
            if (expression := _read_of(node)) is not None:
                found |= _names(path, expression)
            if isinstance(node, ast.Constant) and id(node) not in exported:
                text = str(node.value)
                found |= {text} if _OWN_VARIABLE.fullmatch(text) else set()
    return found


def _settings() -> set[str]:
    found: set[str] = set()
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant):
                found |= set(_OWN_SETTING.findall(str(node.value)))
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in {"config", "flag"} and len(node.args) == 1:
                found |= _names(path, node.args[0])
    return {name.lower() for name in found}


def _listed(*headings: str) -> Iterator[str]:
    """What the first column of the tables under some headings names."""
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        if section.partition("\n")[0] in headings:
            for line in section.splitlines():
                if line.startswith("| `"):
                    yield from re.findall(r"`([^`]+)`", line.split(" | ")[0])


def test_every_variable_is_listed_and_is_read() -> None:
    listed = set(_listed("Variables of registry-tool", "Other variables", "Git's variables"))
    assert listed - BY_FORM == _variables() - BY_FORM


def test_every_git_setting_is_listed_and_is_read() -> None:
    listed = {
        name.lower()
        for name in _listed("Git settings of registry-tool", "Other Git settings that are read")
    }
    assert listed == _settings()
