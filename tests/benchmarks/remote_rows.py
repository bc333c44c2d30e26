"""Rows about a registry that is somewhere else: what has to travel for one model to be read.

Served by Git over ``file://``, which filters like any server. What travels are packs, so their size is counted.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.corpus import model_name
from benchmarks.figures import Measured
from benchmarks.rows import Goal, Row, in_proportion
from benchmarks.scene import Scene, git

__all__ = ["ROWS"]

_FIRST, _SECOND = 0, 1


def _served(scene: Scene) -> str:
    """The address of a copy that answers to partial clones."""
    folder = scene.bare()
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    return f"file://{folder}"


def _held(cache: Path) -> int:
    """Bytes of objects in the clones of a cache, without what Git derives from them."""
    found = (place for place in cache.glob("clones/*.git/objects/**/*") if place.is_file())
    derived = (".idx", ".rev", ".bitmap", ".promisor", ".keep")
    return sum(
        place.stat().st_size
        for place in found
        if not place.name.endswith(derived) and "info" not in place.parts
    )


def _size(scene: Scene, model: int) -> int:
    """The bytes of a model's files."""
    folder = f"models/{model_name(model)}"
    listed = git(scene.published, "ls-tree", "-r", "-l", "main", folder)
    return sum(int(line.split()[3]) for line in listed.splitlines())


def _read(scene: Scene, address: str, model: int, env: dict[str, str]) -> int:
    """Read a model with all its versions; how much the cache holds since."""
    scene.ended(scene.registry("list", model_name(model), "--repo", address), env=env)
    return _held(Path(env["REGISTRY_CACHE"]))


def _contact(scene: Scene) -> Measured:
    taken = _read(scene, _served(scene), _FIRST, scene.cold())
    whole = _held_by(scene.published)
    note = f"the whole repository is {whole / 1e6:,.1f} MB"
    return Measured((float(taken),), (float(_size(scene, _FIRST)),), note)


def _held_by(bare: Path) -> int:
    return sum(pack.stat().st_size for pack in bare.glob("objects/pack/*.pack"))


def _another(scene: Scene) -> Measured:
    address, env = _served(scene), scene.cold()
    before = _read(scene, address, _FIRST, env)
    taken = _read(scene, address, _SECOND, env) - before
    return Measured((float(taken),), (float(_size(scene, _SECOND)),))


ROWS = (
    Row(
        "remote-first",
        "first contact with a remote registry, and one model read with all its versions: bytes that travel",
        "the bytes of that model's files",
        Goal("in proportion to that model", in_proportion()),
        _contact,
        unit="B",
    ),
    Row(
        "remote-another",
        "another model read from the same clone: bytes that travel",
        "the bytes of that model's files",
        Goal("in proportion to that model", in_proportion()),
        _another,
        unit="B",
    ),
)
