"""The floors of the house: imports go one way, and heavy or dangerous tools have one home each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "registry_tool"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up. A module may import from its own part and from the floors below.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "file_lock", "paths", "versioning", "_version"}),
    frozenset({"installation"}),
    frozenset({"access", "names", "scanning"}),
    frozenset({"git", "crypto"}),
    frozenset({"workers"}),
    frozenset({"manifests"}),
    frozenset({"catalog", "artifacts"}),
    frozenset({"gc", "live", "signing"}),
    frozenset({"promotion", "encryption"}),
    frozenset({"checks", "edits"}),
    frozenset({"api"}),
    frozenset({"hooks", "writer"}),
    frozenset({"scaffold", "integrations"}),
    frozenset({"demo", "server"}),
    frozenset({"web"}),
    frozenset({"cli"}),
    frozenset({"__main__", "devtools"}),
)
# The package itself only forwards names, when they are asked for.
FORWARDS = "__init__"
# Circles that are still to be opened.
KNOWN_CIRCLES: tuple[frozenset[str], ...] = ()

# Packages that others import only through their front, `registry_tool.<package>`, whose `__all__` lists what it offers.
FRONTS = ("encryption", "scanning", "signing")
# Modules that others may import of a folder with one module for each kind of a thing; the others are kinds.
SEAMS = {
    "artifacts/remotes": {
        "base", "config", "errors", "kinds", "open", "trusted_hosts", "url",
    },
    "checks/reports": {"formats", "text"},  # hooks print text at once, without a choice of formats
}  # fmt: skip
# Parts that are reached only through some others.
BEHIND = {"crypto": {"encryption", "signing"}}

# Where a package may be imported. Everything else reaches it through that module.
HOMES = {
    # The demo shows that plain DVC restores the bytes, so it runs the program that users have.
    "subprocess": {
        "git/command.py",
        "workers.py",
        "server/pushes.py",  # a check of its own, whose report is read
        "server/kolena/rows/file_checks.py",  # a file may end the process that reads it
        "crypto/ssh_keygen.py",
        "encryption/open.py",
        "demo/tour.py",
        "devtools/models.py",
    },
    "cryptography": {"crypto/sshsig.py", "crypto/pem.py"},
    "git": {"git/remote/push.py", "scaffold/create.py", "demo/tour.py"},
    "pydantic": {"manifests/models/", "server/"},
    "dvc": {"artifacts/"},
    "dvc_data": {"artifacts/"},
    "dvc_objects": {"artifacts/"},
    "fcntl": {"file_lock.py", "server/http/connections.py"},  # how much a socket has not sent
    "msvcrt": {"file_lock.py"},
    "urllib3": {"artifacts/remotes/"},
    "botocore": {"artifacts/remotes/s3_reader.py"},
    "click": {
        "cli/",
        "demo/__main__.py",
        "devtools/commands_page.py",
    },  # the demo's training script is a program of its own
    "rich": {"cli/"},
    "jsonschema": {"manifests/"},
    "jsonschema_rs": {"manifests/"},
    "yaml_rs": {"manifests/"},
    "orjson": {"live/", "server/", "web/views/plain.py"},
    "joserfc": {"access/issuer_keys.py", "access/oidc.py"},
    "starlette": {"server/", "web/app/"},
    "uvicorn": {"server/http/connections.py", "server/http/run.py"},
    "prometheus_client": {"server/metrics.py"},
    "grpc": {"server/rpc/"},
    "grpc_health": {"server/rpc/listener.py"},
    "grpc_reflection": {"server/rpc/listener.py"},
    "google": {"server/rpc/", "server/modelbox/"},
    "pyarrow": {"server/kolena/rows/parquet.py"},
    "jinja2": {"web/pages/"},
    "markupsafe": {"web/pages/"},
    "markdown_it": {"web/pages/cards.py"},
    "nh3": {"web/pages/cards.py"},
    "ruamel": {"manifests/yaml/", "scanning/documents.py"},
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


def test_the_floors_are_those_of_the_architecture_page() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE)
    shown = {int(floor): set(re.findall(r"`(\w+)/?`", names)) for floor, names in rows}
    assert shown == {n: set(floor) - {"_version"} for n, floor in enumerate(FLOORS)}


def test_imports_go_one_way() -> None:
    upward = [
        f"{_where(path)}:{found.line}: imports {found.name}"
        for path in FILES
        for part in [_part(_where(path))]
        if part != FORWARDS
        for other, found in _own(path)
        if other != part and _floor(other) >= _floor(part)
    ]
    assert upward == []


def _module(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def _graph() -> dict[str, set[str]]:
    """Which module imports which, lazily or for types alone included."""
    names = {_module(path) for path in FILES} - {FORWARDS}
    graph: dict[str, set[str]] = {name: set() for name in names}
    for path in (path for path in FILES if _module(path) in names):
        for node in ast.walk(_parsed(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("registry_tool"):
                base = (node.module or "").removeprefix("registry_tool").lstrip(".")
                for alias in node.names:
                    full = f"{base}.{alias.name}".strip(".")
                    graph[_module(path)] |= {full if full in names else base} & names
    return {name: others - {name} for name, others in graph.items()}


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


def _circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    reached = {name: _reached(graph, name) for name in graph}
    return {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert _circles(_graph()) - set(KNOWN_CIRCLES) == set()


def test_a_circle_would_be_found() -> None:
    assert _circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {frozenset("abc")}


def test_one_module_decides_what_is_compared_with_what() -> None:
    """Where a change branched off is its base; see the table in ``checks/comparison.py``."""
    deciding = {
        _where(path)
        for path in FILES
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.ImportFrom) and any(a.name == "merge_base" for a in node.names)
    }
    assert deciding == {"checks/comparison.py"}


def test_packages_are_imported_where_they_are_at_home() -> None:
    wrong = [
        f"{where}:{found.line}: {found.name}"
        for path in FILES
        for where in [_where(path)]
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


def _offered(front: str) -> list[str]:
    module = import_module(f"registry_tool.{front}")
    return [*module.__all__]


def _past_fronts(where: str, tree: ast.Module) -> Iterator[str]:
    """Imports of a module that go past the front of a package, or ask it for something else than it offers."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
            "registry_tool."
        ):
            continue
        front, _, inner = (node.module or "").removeprefix("registry_tool.").partition(".")
        if front not in FRONTS or _part(where) == front:
            continue
        names = [alias.name for alias in node.names if inner or alias.name not in _offered(front)]
        yield from (f"{where}:{node.lineno}: imports {name} of {node.module}" for name in names)


def test_fronts_are_the_only_way_in() -> None:
    assert [found for path in FILES for found in _past_fronts(_where(path), _parsed(path))] == []


def test_a_way_past_a_front_would_be_found() -> None:
    tree = ast.parse(
        "from registry_tool.scanning import Finding, stream\nfrom registry_tool.signing.bundles import Copy\n"
    )
    assert [*_past_fronts("api/bad.py", tree)] == [
        "api/bad.py:1: imports stream of registry_tool.scanning",
        "api/bad.py:2: imports Copy of registry_tool.signing.bundles",
    ]
    assert [
        *_past_fronts("signing/good.py", ast.parse("from registry_tool.signing import bundles"))
    ] == []


@pytest.mark.parametrize("front", FRONTS)
def test_a_front_offers_what_others_use_and_imports_it_late(front: str) -> None:
    used = {
        alias.name
        for path in FILES
        if _part(_where(path)) != front
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module == f"registry_tool.{front}"
        for alias in node.names
    }
    assert sorted(_offered(front)) == sorted(used)
    module = import_module(f"registry_tool.{front}")
    assert all(getattr(module, name) is not None for name in used)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        module.nothing  # noqa: B018 (it is the attribute that is missing)
    early = [
        node
        for node in _parsed(PACKAGE / front / "__init__.py").body
        if isinstance(node, ast.ImportFrom)
    ]
    assert {node.module for node in early} == {"__future__", "importlib", "typing"}


def test_kinds_of_things_are_reached_through_their_tables() -> None:
    """A kind of remote or a report format is known to its table alone, so another one is a row and a module."""
    wrong = [
        f"{_where(path)}:{found.line}: imports {found.name}"
        for folder, allowed in SEAMS.items()
        for path in FILES
        if not _where(path).startswith(f"{folder}/")
        for found in _imports(_parsed(path))
        for start in [f"registry_tool.{folder.replace('/', '.')}."]
        if found.name.startswith(start) and found.name.removeprefix(start) not in allowed
    ]
    assert wrong == []


def test_some_parts_are_behind_others() -> None:
    wrong = [
        f"{_where(path)}:{found.line}: imports {found.name}"
        for path in FILES
        for other, found in _own(path)
        if other in BEHIND and _part(_where(path)) not in BEHIND[other] | {other}
    ]
    assert wrong == []


def test_the_rules_name_what_there_is() -> None:
    used = {found.name.split(".")[0] for path in FILES for found in _imports(_parsed(path))}
    assert {"subprocess", "git", "pydantic", "dvc", "click", "ruamel", "jsonschema_rs"} <= used
    for home in (h for homes in HOMES.values() for h in homes):
        assert (PACKAGE / home).exists()


def test_an_upward_import_would_be_found() -> None:
    source = "def f():\n    from registry_tool.cli import main\nif TYPE_CHECKING:\n    import registry_tool.api.changes.change\n"
    found = list(_imports(ast.parse(source)))
    assert found == [
        Import("registry_tool.cli", 2, False),
        Import("registry_tool.api.changes.change", 4, True),
    ]
