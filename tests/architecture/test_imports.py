"""The floors of the house: imports go one way, and heavy or dangerous tools have one home each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "registry_tool"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up. A module may import from its own floor and from those below.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "names", "schemes", "resources", "places", "version", "derived"}),
    frozenset({"scanning"}),
    frozenset({"git", "signing", "encryption"}),
    frozenset({"manifests"}),
    frozenset({"catalog"}),
    frozenset({"checks", "artifacts", "promotion"}),
    frozenset({"edits"}),
    frozenset(
        {
            "publish",
            "store",
            "trust",
            "bundled",
            "content",
            "sealer",
            "vault",
            "views",
            "drafts",
            "change",
            "registry",
            "listing",
            "pinning",
        }
    ),
    frozenset({"starter", "scaffold", "hooks", "demo"}),
    frozenset({"cli", "__main__"}),
)
# The package itself only forwards names, when they are asked for.
FORWARDS = "__init__"
# Two halves of one thing, split by size: a change makes drafts, and a draft adds to its change.
MUTUAL = {("drafts", "change")}
# Parts of one floor that must not know each other.
APART = ({"checks", "artifacts", "promotion"},)
BETWEEN_PARTS = {
    ("checks", "artifacts"): "`check --remote` asks the remote, inside checks/remote.py",
    ("checks", "promotion"): "rules about stages read them as promotion does",
}

# Where a package may be imported. Everything else reaches it through that module.
HOMES = {
    # The demo shows that plain DVC restores the bytes, so it runs the program that users have.
    "subprocess": {
        "git/plumbing.py",
        "catalog/beside.py",
        "signing/keygen.py",
        "artifacts/sealing/guard.py",
        "demo/tour.py",
    },
    "cryptography": {"signing/keys.py", "signing/pem.py"},
    "git": {"git/pushing.py", "scaffold.py", "demo/tour.py"},
    "pydantic": {"manifests/"},
    "dvc": {"artifacts/"},
    "dvc_data": {"artifacts/"},
    "dvc_objects": {"artifacts/"},
    "click": {"cli/", "demo/__main__.py"},  # the demo's training script is a program of its own
    "rich": {"cli/"},
    "jsonschema": {"manifests/"},
    "jsonschema_rs": {"manifests/"},
    "yaml_rs": {"manifests/"},
    "ruamel": {"manifests/", "edits/keep.py", "scanning/documents.py"},
}


class Import(NamedTuple):
    """One imported module: its dotted name, where, and whether only a type checker sees it."""

    name: str
    line: int
    typing: bool


def _where(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _part(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def _is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _imports(node: ast.AST, *, typing: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports are absolute"
            base = child.module or ""
            names = [f"{base}.{a.name}" for a in child.names] if base == "registry_tool" else [base]
            yield from (Import(name, child.lineno, typing) for name in names)
        else:
            yield from _imports(child, typing=typing or _is_typing(node) or _is_typing(child))


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _floor(part: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


def _own(path: Path) -> Iterator[tuple[str, Import]]:
    """The parts of this package that a module imports."""
    for found in _imports(_parsed(path)):
        root, _, rest = found.name.partition(".")
        if root == "registry_tool" and rest:
            yield rest.split(".")[0], found


def test_every_module_has_a_floor() -> None:
    known = {part for floor in FLOORS for part in floor} | {FORWARDS}
    assert {_part(_where(path)) for path in FILES} - known == set()


def test_imports_go_one_way() -> None:
    upward = [
        f"{_where(path)}:{found.line}: {part} imports {other}"
        for path in FILES
        for part in [_part(_where(path))]
        if part != FORWARDS
        for other, found in _own(path)
        if _floor(other) > _floor(part) and not (found.typing and (part, other) in MUTUAL)
    ]
    assert upward == []


def test_parts_of_one_floor_keep_apart() -> None:
    wrong = [
        f"{_where(path)}:{found.line}: {part} imports {other}"
        for path in FILES
        for part in [_part(_where(path))]
        for parts in APART
        if part in parts
        for other, found in _own(path)
        if other in parts - {part} and (part, other) not in BETWEEN_PARTS
    ]
    assert wrong == []


def test_packages_are_imported_where_they_are_at_home() -> None:
    wrong = [
        f"{where}:{found.line}: imports {found.name}"
        for where, path in ((_where(path), path) for path in FILES)
        for found in _imports(_parsed(path))
        if not found.typing
        for home in [HOMES.get(found.name.split(".")[0])]
        if home is not None and not any(where == h or (h.endswith("/") and where.startswith(h)) for h in home)
    ]  # fmt: skip
    assert wrong == []


def test_the_scanners_know_nothing_of_the_registry() -> None:
    """Anybody may scan a file with them: they import the standard library and each other."""
    wrong = {
        f"{_where(path)} imports {other}"
        for path in FILES
        if _part(_where(path)) == "scanning"
        for other, _ in _own(path)
        if other != "scanning"
    }
    assert wrong == set()


def test_the_rules_name_what_there_is() -> None:
    used = {found.name.split(".")[0] for path in FILES for found in _imports(_parsed(path))}
    assert {"subprocess", "git", "pydantic", "dvc", "click", "ruamel", "jsonschema_rs"} <= used
    for home in (h for homes in HOMES.values() for h in homes):
        assert (PACKAGE / home).exists()


def test_an_upward_import_would_be_found() -> None:
    source = "def f():\n    from registry_tool.cli import main\nif TYPE_CHECKING:\n    import registry_tool.change\n"
    found = list(_imports(ast.parse(source)))
    assert found == [Import("registry_tool.cli", 2, False), Import("registry_tool.change", 4, True)]
