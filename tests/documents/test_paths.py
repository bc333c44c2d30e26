"""Files that documents name exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_PATH = re.compile(r"(?<![\w/.<>*-])([a-z_]+(?:/[a-z_0-9]+)*\.(?:py|sh|toml))\b")
_LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")
# Files of a registry or of the reader, not of this project.
_FOREIGN: Final = {"handler.py", "package/hooks/load.py", "package/hooks/predict.py"}


def _documents() -> list[Path]:
    return [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def _exists(name: str) -> bool:
    roots = (ROOT, ROOT / "registry_tool", ROOT / "tests", ROOT / "tests/adversary")
    return any((root / name).exists() for root in roots)


def test_modules_that_documents_name_exist() -> None:
    wrong = {
        (path.name, name)
        for path in _documents()
        for name in _PATH.findall(path.read_text(encoding="utf-8"))
        if not _exists(name) and name not in _FOREIGN and not name.startswith("setup")
    }
    assert wrong == set()


def test_links_between_documents_lead_somewhere() -> None:
    wrong = {
        (path.name, link)
        for path in _documents()
        for link in _LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / link).exists()
    }
    assert wrong == set()
