"""The registry that each game of the first player begins with: small, with something of every kind in it.

``nlp/m`` (integer versions) has versions 1 to 4, of which 4 is withdrawn, with one stored artifact each; ``nlp/f`` has free
names of versions. ``staging`` is version 2 and ``production``, which has gates, version 1; ``canary`` asks for a wait.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from support import commit, git, write_files
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    stored_artifact,
    tag_yaml,
    tracked_artifact,
    version_files,
)

from registry_tool.git.command import Git
from registry_tool.hooks.install import install_server_hook
from registry_tool.manifests.problems import JSON

__all__ = ["MODELS", "PEOPLE", "POLICIES", "new_template", "version_of"]

PEOPLE: Final = ("ada", "bob", "eve")
MODELS: Final = ("nlp/m", "nlp/f")
_ACCURACY: Final = {"1": 0.95, "2": 0.93, "3": 0.5, "4": 0.97, "a": 0.95, "b": 0.6}
_DAY: Final = 86400
_PASSED: Final[JSON] = {"evidence": "evaluation", "suite": "holdout", "verdict": "pass"}
_GATES: Final[list[JSON]] = [{"metric": "accuracy", "min": 0.9}, _PASSED]
_STAGES: Final[dict[str, JSON]] = {
    "staging": {},
    "production": {"from": "staging", "require": _GATES},
    "canary": {"from": "staging", "soak": "1h"},
}
# registry.yaml as it is, with gates that ask for less or more, with one more stage, and with a rule given up.
POLICIES: Final[tuple[dict[str, JSON], ...]] = (
    {"stages": _STAGES},
    {"stages": {**_STAGES, "production": {"from": "staging"}}},
    {"stages": {**_STAGES, "production": {}}},
    {"stages": {**_STAGES, "edge": {"from": "staging", "require": [_PASSED]}}},
    {"stages": _STAGES, "rules": {"C406": "warn"}},
    {"stages": {"staging": {}, "canary": {}, "production": {"require": _GATES[:1]}}},
)


def version_of(version: str, model: str = "nlp/m", *, salt: int = 0, accuracy: float | None = None) -> dict[str, str]:  # fmt: skip
    """The files of a version; another salt is another content."""
    value = _ACCURACY.get(version, 0.95) if accuracy is None else accuracy
    metrics: list[JSON] = [{"key": "accuracy", "value": value}]
    artifacts: list[JSON] = [
        stored_artifact(f"{model}@{version} {salt}".encode()),
        tracked_artifact(f"s3://bucket/{model}/{version}/{salt}"),
    ]
    return version_files(version, model, artifacts=artifacts, metrics=metrics)


def _first() -> dict[str, str]:
    folder = "models/nlp/m"
    files = {
        "registry.yaml": registry_yaml(**POLICIES[0]),
        ".dvc/config": "[core]\n    remote = storage\n['remote \"storage\"']\n    url = /nowhere/storage\n",
        "models/nlp/namespace.yaml": namespace_yaml(),
        f"{folder}/model.yaml": model_yaml("m", "nlp"),
        "models/nlp/f/model.yaml": model_yaml("f", "nlp", version_scheme="free"),
        f"{folder}/tags/first.yaml": tag_yaml("1", "nlp/m"),
        f"{folder}/tags/quarter.yaml": tag_yaml("4", "nlp/m"),
        f"{folder}/aliases/champion.yaml": alias_yaml("1", "nlp/m"),
    }
    for version in ("1", "2", "3", "4"):
        files |= version_of(version)
    for version in ("a", "b"):
        files |= version_of(version, "nlp/f")
    for version in ("1", "2"):
        record = files[f"{folder}/versions/{version}/version.yaml"]
        files[f"{folder}/versions/{version}/evidence/holdout.yaml"] = evidence_yaml(
            version, kind="evaluation", record=record, suite="holdout", verdict="pass",
            metrics=[{"key": "f1", "value": 0.9}],
        )  # fmt: skip
    files[f"{folder}/versions/4/status.yaml"] = status_yaml("withdrawn")
    return files


def new_template(bare: Path) -> None:
    """Make the server's repository, with its hook, as ``registry hooks install --server`` leaves it."""
    work = bare.parent / "template-work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=main")
    steps = (
        (_first(), 3 * _DAY),
        ({"models/nlp/m/aliases/staging.yaml": alias_yaml("1", "nlp/m")}, 3 * _DAY),
        ({"models/nlp/m/aliases/production.yaml": alias_yaml("1", "nlp/m")}, 2 * _DAY),
        ({"models/nlp/m/aliases/staging.yaml": alias_yaml("2", "nlp/m")}, 2 * _DAY),
    )
    now = int(time.time())
    for files, age in steps:
        write_files(work, files)
        commit(work, at=f"@{now - age} +0000")
    git(bare.parent, "clone", "--quiet", "--bare", "--no-local", str(work), str(bare))
    git(bare, "remote", "remove", "origin")
    git(bare, "config", "gc.auto", "0")
    main = git(bare, "rev-parse", "main")
    (bare / "packed-refs").unlink(missing_ok=True)
    (bare / "refs/heads").mkdir(exist_ok=True)
    (bare / "refs/heads/main").write_text(f"{main}\n")
    install_server_hook(Git(bare))
