"""Registries with stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.staged_registries import Staged

from registry_tool.manifests.problems import JSON


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., Staged]:
    """Makes a registry whose stage ``production`` has some gates: ``staged({"approvals": 2}, files=…)``."""

    def make(
        *require: Mapping[str, JSON], files: Mapping[str, str] | None = None, **stage: JSON
    ) -> Staged:
        gates: list[JSON] = [dict(gate) for gate in require]
        return Staged(tmp_path / "registry", {**stage, "require": gates}, files)

    return make
