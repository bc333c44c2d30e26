"""A registry on a host, as its CI finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from support.ci_hosts import MODEL, Hosted, Tool, hosted, tool_environment
from support.manifests import (
    MODEL_BYTES,
    alias_yaml,
    model_files,
    namespace_yaml,
    registry_yaml,
    stored_artifact,
    version_files,
)

from registry_tool.manifests.problems import JSON

SECOND = b"nlp/lang-id@2"


@pytest.fixture(scope="session")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """The wheel of this checkout, as jobs install it."""
    return tool_environment(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def on_host(tmp_path: Path, tool: Tool) -> Callable[..., Hosted]:
    """Makes a registry with CI: version 1 in production, version 2 with an accuracy of 0.97 in staging."""

    def make(ci: str, *, automerge: Sequence[JSON] = (), least: float = 0.9) -> Hosted:
        gates: JSON = {"from": "staging", "require": [{"metric": "accuracy", "min": least}]}
        second = version_files(
            "2", artifacts=[stored_artifact(SECOND)], metrics=[{"key": "accuracy", "value": 0.97}]
        )
        files: Mapping[str, str] = {
            "registry.yaml": registry_yaml(
                owners=["@acme/platform"],
                automerge=list(automerge),
                stages={"staging": {}, "production": gates},
            ),
            "models/nlp/namespace.yaml": namespace_yaml(),
            **model_files(),
            **second,
            f"{MODEL}/aliases/production.yaml": alias_yaml("1"),
            f"{MODEL}/aliases/staging.yaml": alias_yaml("2"),
        }
        place = hosted(tmp_path, ci, tool, files)
        for content in (MODEL_BYTES, SECOND):
            place.store(content)
        return place

    return make
