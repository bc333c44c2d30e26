from __future__ import annotations

import ast
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from support.dvc_schemas import known_options

from registry_tool.artifacts.remotes.kinds import KINDS, RemoteKind, find_kind, parse_scheme

ROOT = Path(__file__).parents[4]
PACKAGE = ROOT / "registry_tool"
SCHEMES = [scheme for kind in KINDS for scheme in kind.schemes]
# Their names mean the driver or the protocol itself there, and nothing that differs by kind.
MECHANISMS = {
    "artifacts/remotes/dvc.py": {"s3", "webdav"},  # the store classes
    "artifacts/remotes/dvc_driver.py": {"s3", "ssh", "http"},
    "artifacts/remotes/http_client.py": {"http", "https"},
    "artifacts/remotes/open.py": {"s3"},  # the reader class
    "artifacts/remotes/s3_reader.py": {"s3"},
    "artifacts/remotes/url.py": {"s3"},
}


def test_each_scheme_has_one_row() -> None:
    assert [scheme for scheme, n in Counter(SCHEMES).items() if n > 1] == []
    assert all(find_kind(scheme) is kind for kind in KINDS for scheme in kind.schemes)
    assert find_kind("S3") is find_kind("s3")


def test_every_kind_of_dvc_has_a_row() -> None:
    """``memory`` is fsspec's, for tests; DVC's ``local`` and ``remote`` are a path and a reference."""
    assert set(SCHEMES) - {"memory"} == set(known_options()) - {"", "local", "remote", "file"}


def test_every_extra_can_be_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {kind.extra for kind in KINDS if kind.extra}
    assert extras - set(project["optional-dependencies"]) == set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_options_in_a_row_are_options_of_dvc(kind: RemoteKind) -> None:
    if kind.name == "memory":
        return
    known = {option for scheme in kind.schemes for option in known_options()[scheme]}
    named = {setting.partition(" ")[0] for setting in kind.credential_settings}
    named |= {option for option in (kind.host_option, kind.user_option) if option}
    named |= kind.reader_options | {kind.location_setting.partition(" ")[0]}
    assert named - known == set()


def test_a_kind_without_a_row_works_with_general_remedies() -> None:
    kind = find_kind("carrier-pigeon")
    assert (kind.extra, kind.store, kind.reader, kind.is_copyable) == ("", "files", "", False)
    assert kind.port("carrier-pigeon") is None


@pytest.mark.parametrize(
    ("url", "scheme"),
    [("s3://bucket/x", "s3"), ("HTTPS://host", "https"), ("/folder", ""), ("C:\\folder", "")],
)
def test_the_scheme_of_a_url(url: str, scheme: str) -> None:
    assert parse_scheme(url) == scheme


def test_no_other_module_distinguishes_kinds_by_name() -> None:
    """Adding a kind is one row: no other module of remotes compares a scheme that it does not implement."""
    found = {
        (path.relative_to(PACKAGE).as_posix(), node.value)
        for path in (PACKAGE / "artifacts").rglob("*.py")
        if path.name != "kinds.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in SCHEMES
    }
    allowed = {(path, scheme) for path, schemes in MECHANISMS.items() for scheme in schemes}
    assert found - allowed == set()
