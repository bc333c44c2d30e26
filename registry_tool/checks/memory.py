"""What was found in models before, kept by the ids of their folders: a full check reads what it has not seen.

One small file holds what the rules about files and models said of one model, and the claims it makes. Its name is a digest
over everything that verdict depends on: this program, the policy, and the id of the model's folder. Models that it names are
written into it with the ids of their folders, and it counts only while these are the same. A file that is cut
short, changed or foreign does not have the digest it begins with and is not there at all; it can cost time, never
truth. Files are put in place whole, so any number of processes may read and write at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.catalog.index import Catalog
from registry_tool.checks.claims import Claim
from registry_tool.checks.findings import Finding
from registry_tool.manifests.data import member
from registry_tool.manifests.layout import REGISTRY
from registry_tool.names import ModelName
from registry_tool.resources import resource
from registry_tool.version import VERSION

__all__ = ["Memory", "Remembered"]

# Everything a verdict on one model can depend on, below the package.
_PROGRAM: Final = ("catalog", "checks", "manifests", "git/tree.py", "names.py", "schemes.py")
# Files and folders of the registry that every model is judged by.
_POLICY: Final = (REGISTRY, "schemas", ".dvc")
_OLD: Final = 30 * 86400
_DIGEST: Final = 64


class Remembered(NamedTuple):
    """What was found in one model.

    Attributes:
        findings: Of rules about files and models.
        claims: Values that may be claimed once in a registry.
        files: How many files were looked at.
        others: Other models that were looked at, and the ids of their folders; empty for one that is not there.
    """

    findings: tuple[Finding, ...]
    claims: tuple[Claim, ...]
    files: int
    others: Mapping[str, str]


@cache
def _program() -> str:
    """A digest of this program: its version, and size and time of the files that a verdict depends on."""
    package = Path(__file__).parents[1]
    found = hashlib.sha256(VERSION.encode())
    for part in (*(package / name for name in _PROGRAM), resource("schemas")):
        for place in sorted(part.rglob("*") if part.is_dir() else [part]):
            if place.suffix in {".py", ".json"}:
                info = place.stat()
                found.update(f"{place.name} {info.st_size} {info.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _oid(catalog: Catalog, path: str) -> str:
    entry = catalog.tree.entry(path)
    return "" if entry is None else entry.oid


def _parsed(text: str) -> Remembered:
    data = json.loads(text)
    claims = tuple(Claim(pool, value, path, tuple(at)) for pool, value, path, at in data["claims"])
    findings = tuple(Finding(*fields) for fields in data["findings"])
    return Remembered(findings, claims, data["files"], data["others"])


def _seal(place: Path, body: str) -> str:
    """The digest a file begins with: over its content and its name, so that it counts in its own place only."""
    return hashlib.sha256(f"{place.name}\n{body}".encode()).hexdigest()


class Memory:
    """The verdicts on the models of one tree.

    Args:
        folder: Where they are kept; made when something is.
        catalog: The tree under check; its folders have ids.
        policy: What severities come from.
    """

    def __init__(self, folder: Path, catalog: Catalog, policy: Catalog) -> None:
        self._folder = folder / _program()[:16]
        self._catalog = catalog
        said = json.dumps(member(policy.settings, "rules"), sort_keys=True)
        self._policy = [said, *(f"{path} {_oid(catalog, path)}" for path in _POLICY)]

    def _place(self, model: ModelName, oid: str) -> Path:
        words = [_program(), *self._policy, str(model), oid]
        key = hashlib.sha256("\0".join(words).encode(errors="surrogateescape")).hexdigest()
        return self._folder / key[:2] / key[2:]

    def _id(self, model: ModelName) -> str:
        return _oid(self._catalog, self._catalog.layout.model(model))

    def _are_same(self, others: Mapping[str, str]) -> bool:
        return all(self._id(ModelName(*name.split("/", 1))) == oid for name, oid in others.items())

    def recall(self, model: ModelName) -> Remembered | None:
        """What was found in a model as it is now; None where that is not known."""
        oid = self._id(model)
        if not oid:
            return None
        place = self._place(model, oid)
        try:
            text = place.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return None
        digest, body = text[:_DIGEST], text[_DIGEST + 1 :]
        if _seal(place, body) != digest:
            return None
        found = _parsed(body)
        return found if self._are_same(found.others) else None

    def keep(self, model: ModelName, found: Remembered) -> None:
        """Keep what was found in a model; where nothing can be written, nothing is."""
        oid = self._id(model)
        if not oid:
            return
        others = {str(n): self._id(n) for n in sorted(self._catalog.asked) if n != model}
        data = found._replace(others=others)._asdict()
        # ASCII: names that are not UTF-8 survive as escapes.
        body = json.dumps(data)
        place = self._place(model, oid)
        try:
            self._write(place, f"{_seal(place, body)}\n{body}")
        except OSError:
            return

    def _write(self, place: Path, text: str) -> None:
        if not self._folder.exists():
            _forget_old(self._folder.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", dir=place.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(name).replace(place)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _forget_old(folder: Path) -> None:
    """Remove what other versions of this program kept, once nobody has written there for a month."""
    for other in folder.iterdir() if folder.is_dir() else ():
        if other.is_dir() and time.time() - other.stat().st_mtime > _OLD:
            shutil.rmtree(other, ignore_errors=True)
