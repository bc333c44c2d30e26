"""Three projects, one program: what is published is what the top-level pyproject.toml says (docs/decisions/0036)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from registry_tool._version import VERSION

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = ROOT / ".ci" / "distributions"
# Of no use without a checkout.
DEVELOPERS = {"bench", "scan-bench", "dev"}
EQUAL = ("requires-python", "license", "license-files", "scripts")


def _project(folder: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads(
        (folder / "pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    return found


def _strings(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(one) for one in value]


def _extras(project: dict[str, object]) -> dict[str, list[str]]:
    found = project["optional-dependencies"]
    assert isinstance(found, dict)
    return {str(name): _strings(lines) for name, lines in found.items()}


SOURCE, READER, FULL = (
    _project(folder) for folder in (ROOT, DISTRIBUTIONS / "reader", DISTRIBUTIONS / "full")
)


def test_the_two_lists_of_dependencies_are_the_one_at_the_top() -> None:
    pin, *rest = _strings(FULL["dependencies"])
    assert pin == f"registry-tool-reader=={VERSION}"
    assert sorted([*_strings(READER["dependencies"]), *rest]) == sorted(
        _strings(SOURCE["dependencies"])
    )


def test_extras_install_what_they_install_from_the_repository() -> None:
    reader = _extras(READER)
    resolved = {
        name: reader[line.partition("[")[2].rstrip("]")]
        if (line := lines[0]).startswith("registry-tool-reader[")
        else lines
        for name, lines in _extras(FULL).items()
    }
    wanted = {name: lines for name, lines in _extras(SOURCE).items() if name not in DEVELOPERS}
    assert resolved == wanted
    assert all(wanted.get("reader" if name == "s3" else name) == reader[name] for name in reader)


@pytest.mark.parametrize("project", [READER, FULL], ids=["reader", "full"])
def test_what_both_say_is_the_same(project: dict[str, object]) -> None:
    assert {key: project[key] for key in EQUAL} == {key: SOURCE[key] for key in EQUAL}
    # The project at the top is not published: the wheel that it builds has the reader's files.
    private = {"Private :: Do Not Upload"}
    assert set(_strings(project["classifiers"])) == set(_strings(SOURCE["classifiers"])) - private
    assert private <= set(_strings(SOURCE["classifiers"]))


def test_what_is_published_is_described_alike() -> None:
    assert FULL["name"] == SOURCE["name"] == "registry-tool"
    assert FULL["description"] == SOURCE["description"]
    assert FULL["keywords"] == SOURCE["keywords"]


@pytest.mark.parametrize("name", ["reader", "full"])
def test_the_license_is_a_copy(name: str) -> None:
    # A link to a file stays a link in an sdist, and leads nowhere.
    assert (DISTRIBUTIONS / name / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_reader_imports_nothing_that_it_leaves_out() -> None:
    reader = tomllib.loads(
        (DISTRIBUTIONS / "reader" / "pyproject.toml").read_text(encoding="utf-8")
    )
    left_out = [
        part.strip("/").removesuffix(".py") for part in reader["tool"]["hatch"]["build"]["exclude"]
    ]
    names = "|".join(re.escape(part.replace("/", ".")) for part in left_out)
    imports = re.compile(rf"^\s*(?:from|import) (?:{names})\b", re.MULTILINE)
    found = {
        module
        for path in (ROOT / "registry_tool").rglob("*.py")
        if not (module := path.relative_to(ROOT).as_posix()).startswith(tuple(left_out))
        and imports.search(path.read_text(encoding="utf-8"))
    }
    # They say what to install where the server or the pages are missing.
    commands = ("serve", "site", "ui")
    assert found == {f"registry_tool/cli/commands/{name}.py" for name in commands}
