"""Sizes and habits: short modules, short functions, no printing, no loose ends."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support import git

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "registry_tool"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULE_LINES = 500
FUNCTION_LINES = 40
# No traceback reaches a user: what nobody foresaw ends here, in a file for a bug report.
# scanning/plugins.py calls scanners of other packages, which may raise anything: that is a finding.
OUTERMOST = {
    "cli/main.py",
    "cli/fast_path.py",
    "scanning/plugins.py",
    "server/http/guard.py",
    "server/rpc/guard.py",
}


_NEVER_CALLED = {"time.sleep", "eval", "exec", "os.system", "pickle.loads", "pickle.load"}
_TOO_BROAD = {"Exception", "BaseException", "everything"}
_LOOSE_ENDS = re.compile(r"# type: ignore(?!\[)|\bTODO\b|\bFIXME\b|\bXXX\b")


class Module(NamedTuple):
    """One module of the package: its path below the package, its text, and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    def __repr__(self) -> str:
        return self.path


def _module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path.relative_to(PACKAGE).as_posix(), text, ast.parse(text))


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    """All modules of the package, parsed once."""
    return [_module(path) for path in FILES]


def _length(function: ast.FunctionDef) -> int:
    """Lines from ``def`` to the end, without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _long_functions(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef) and (lines := _length(node)) > FUNCTION_LINES:
            yield f"{module.path}:{node.lineno}: {node.name} has {lines} lines"


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """True for a handler that tidies up and raises what it caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _calls(module: Module) -> Iterator[str]:
    forbidden = _NEVER_CALLED | (set() if module.path.startswith("cli/") else {"print"})
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in forbidden:
            yield f"{module.path}:{node.lineno}: calls {name}"


def _broad_handlers(module: Module) -> Iterator[str]:
    forbidden = _TOO_BROAD - ({"Exception"} if module.path in OUTERMOST else set())
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and not _passes_on(node):
            caught = ast.unparse(node.type) if node.type else "everything"
            if caught in forbidden:
                yield f"{module.path}:{node.lineno}: catches {caught}"


def _loose_ends(module: Module) -> Iterator[str]:
    for number, line in enumerate(module.text.splitlines(), 1):
        for found in _LOOSE_ENDS.findall(line):
            yield f"{module.path}:{number}: {found}"


# A function named by what it returns, as in `_of`, or by a participle reads like a value; see docs/glossary.md.
_NOT_A_VERB = re.compile(r"_of$|^(?!feed|field)[a-z]+ed$")
# What is left of these names in other folders goes when the code around them changes.
_RENAMED = (
    "artifacts", "catalog", "crypto", "edits", "encryption", "gc", "git", "hooks", "integrations", "manifests",
    "scanning", "signing",
)  # fmt: skip
_NAMED_OTHERWISE = {"is_one_of"}


def _adjectives(module: Module) -> Iterator[str]:
    """Functions, methods and nested functions; properties are values, and named like them."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        name = node.name.strip("_")
        values = any("property" in ast.unparse(one) for one in node.decorator_list)
        if _NOT_A_VERB.search(name) and not values and name not in _NAMED_OTHERWISE:
            yield f"{module.path}:{node.lineno}: {node.name} is not named by a verb"


def test_functions_are_named_by_verbs(modules: list[Module]) -> None:
    folders = tuple(f"{folder}/" for folder in _RENAMED)
    found = [
        module
        for module in modules
        if module.path.startswith(folders) and not module.path.startswith("artifacts/remotes/")
    ]
    assert [one for module in found for one in _adjectives(module)] == []


def test_modules_are_short_and_say_what_they_hold(modules: list[Module]) -> None:
    lengths = {module.path: len(module.text.splitlines()) for module in modules}
    long = [f"{path}: has {n} lines" for path, n in lengths.items() if n > MODULE_LINES]
    mute = [f"{m.path}:1: has no docstring" for m in modules if not ast.get_docstring(m.tree)]
    assert [*long, *mute] == []


def test_functions_are_short(modules: list[Module]) -> None:
    assert [found for module in modules for found in _long_functions(module)] == []


def test_habits(modules: list[Module]) -> None:
    checks = (_calls, _broad_handlers, _loose_ends)
    assert [found for module in modules for look in checks for found in look(module)] == []


def test_what_is_forbidden_would_be_found() -> None:
    text = "try:\n    eval(x)  # TODO\nexcept Exception:\n    print(x)\ndef f():\n" + "    x\n" * 41
    bad = Module("git/bad.py", text, ast.parse(text))
    assert [*_calls(bad), *_broad_handlers(bad), *_loose_ends(bad), *_long_functions(bad)] == [
        "git/bad.py:2: calls eval",
        "git/bad.py:4: calls print",
        "git/bad.py:3: catches Exception",
        "git/bad.py:2: TO" + "DO",
        "git/bad.py:5: f has 42 lines",
    ]


def test_no_module_is_a_drawer() -> None:
    names = {path.stem for path in FILES}
    assert {"utils", "util", "helpers", "misc", "common"} & names == set()


def test_the_top_level_is_as_agreed() -> None:
    expected = {"registry_tool", "schemas", "hooks", "templates", "tests", "docs"}
    # What the project holds, not what lies beside it: the README's first command makes a folder here.
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    folders = {path.split("/")[0] for path in listed if "/" in path}
    assert {folder for folder in folders if not folder.startswith(".")} == expected
