"""Scanners of other packages, found by their entry points: real distributions on the path, without an installer."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_tool.scanning.plugins import installed_scanners
from registry_tool.scanning.scan import scan_path

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one scanner on the path: ``install("acme", code)``."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, code: str) -> None:
        monkeypatch.delitem(sys.modules, f"{name}_scanner", raising=False)
        (site / f"{name}_scanner.py").write_text(textwrap.dedent(code))
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[registry_tool.scanners]\n{name} = {name}_scanner:Scanner\n"
        )

    return install


ACME = """
    class Scanner:
        name, version = "acme", "1.0"
        def scan(self, path):
            return [("dangerous", "it says boo")] if b"boo" in path.read_bytes() else []
"""


def test_what_another_scanner_finds_stands_among_ours(install: Install, tmp_path: Path) -> None:
    install("acme", ACME)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.txt").write_text("boo")
    (folder / "b.txt").write_text("calm")
    found = scan_path(folder, installed_scanners())
    assert [str(one) for one in found.findings] == ["dangerous: a.txt: acme: it says boo"]
    assert [one.scanner for one in found.of("acme")] == ["acme"]
    assert found.of("registry-tool") == []
    assert found.verdict == "fail"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no licence')", "it cannot be loaded: RuntimeError: no licence"),
        ("class Scanner:\n    name = 'acme'", "it lacks a name, a version or a method scan"),
        (
            "class Scanner:\n    name, version = 'acme', '1'\n    def scan(self, path): raise OSError('gone')",
            "it failed: OSError: gone",
        ),
        (
            "class Scanner:\n    name, version = 'acme', '1'\n    def scan(self, path): return [('odd', 'x')]",
            "odd: x",
        ),
    ],
)
def test_a_scanner_that_fails_is_a_finding(
    install: Install, tmp_path: Path, code: str, said: str
) -> None:
    install("acme", code)
    (tmp_path / "a.txt").write_text("x")
    found = scan_path(tmp_path / "a.txt", installed_scanners())
    assert [str(one) for one in found.findings] == [f"unread: a.txt: acme: {said}"]
    assert found.verdict == "fail"


def test_a_scanner_sees_the_name_of_the_file_in_its_artifact(
    install: Install, tmp_path: Path
) -> None:
    from registry_tool.scanning.scan import scan_files

    code = """
        class Scanner:
            name, version = "acme", "1.0"
            def scan(self, path):
                return [("unsafe", path.name + " " + path.read_text())]
    """
    install("acme", code)
    (tmp_path / "0a1b2c").write_text("bytes")
    found = scan_files([("model/a.pkl", tmp_path / "0a1b2c")], installed_scanners())
    assert [one.message for one in found.of("acme")] == ["a.pkl bytes"]
