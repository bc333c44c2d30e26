"""Built sites: what is in one, and registries to build some of."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.manifests import alias_yaml, model_files, namespace_yaml, registry_yaml, small_registry

__all__ = ["hidden_folder", "many_models", "read_site", "run_build", "start_build"]


def read_site(folder: Path) -> dict[str, bytes]:
    """All files of a site, by path."""
    return {
        place.relative_to(folder).as_posix(): place.read_bytes()
        for place in sorted(folder.rglob("*"))
        if place.is_file()
    }


def hidden_folder(site: Path) -> Path:
    """Where builds of a site keep what they need."""
    return site.parent / f".{site.name}.registry-site"


def many_models(count: int, **fields: str) -> dict[str, str]:
    """A registry with some models in two namespaces; fields are those of ``registry.yaml``."""
    files = {**small_registry(), "registry.yaml": registry_yaml(**fields)}
    files["models/vision/namespace.yaml"] = namespace_yaml()
    for number in range(1, count):
        model = f"{'vision' if number % 2 else 'nlp'}/model-{number:03}"
        files |= model_files(model, versions=("1", "2", "3"))
        files[f"models/{model}/aliases/production.yaml"] = alias_yaml("2", model)
    return files


def start_build(
    registry: Path, target: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start ``registry site build`` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "registry_tool", "site", "build", "-o", str(target), *words],
        cwd=registry, env={**os.environ, **(env or {})}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run_build(
    registry: Path, target: Path, *words: str, env: Mapping[str, str] | None = None
) -> None:
    """Run ``registry site build`` as a process of its own; it must succeed and report nothing."""
    started = start_build(registry, target, *words, env=env)
    _, err = started.communicate()
    assert (started.returncode, err) == (0, "")
