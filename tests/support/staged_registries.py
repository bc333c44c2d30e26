"""A registry with stages in a real repository: commits by several people at chosen times, merges, SSH keys.

``nlp/lang-id`` has the versions 1 and 2. Nobody holds a stage before a test says so.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from registry_tool.catalog.catalog import Catalog
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree, OverlayTree
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.promotion.context import GateInput, GateResult, Present
from registry_tool.promotion.evaluate import evaluate_gates
from registry_tool.promotion.stages import list_stages
from support import git, without, write_files
from support.manifests import (
    MODEL_BYTES,
    alias_yaml,
    evidence_yaml,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    stored_artifact,
    version_files,
)
from support.repositories import new_work_tree, tip_of

__all__ = [
    "ADA",
    "ALIASES",
    "BOB",
    "CAROL",
    "MODEL",
    "NOW",
    "Staged",
    "alias",
    "approval",
    "evaluation",
    "key",
    "record",
    "signer",
]

MODEL = "models/nlp/lang-id"
ALIASES = f"{MODEL}/aliases"
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
DAY = "2026-11-10T12:00:00Z"
# Addresses that belong to nobody; who is who is all that tests ask.
ADA, BOB, CAROL = "A <ada@example.org>", "B <bob@example.org>", "C <carol@example.org>"
METRICS: dict[str, list[JSON]] = {
    "1": [{"key": "accuracy", "value": 0.9}, {"key": "latency_ms", "value": 100}],
    "2": [{"key": "accuracy", "value": 0.95}, {"key": "latency_ms", "value": 104}],
}


def _version(version: str) -> dict[str, str]:
    content = MODEL_BYTES + version.encode()
    return version_files(
        version, author=ADA, metrics=METRICS[version], artifacts=[stored_artifact(content)]
    )


def record(version: str) -> str:
    """The text of a version's record."""
    return _version(version)[f"{MODEL}/versions/{version}/version.yaml"]


def alias(
    name: str, version: str, *, reason: str | None = None, pinned: bool = False
) -> dict[str, str]:
    """An alias's file."""
    text = alias_yaml(version, reason=reason, pinned=True if pinned else None)
    return {f"{ALIASES}/{name}.yaml": text}


def _evidence(name: str, version: str, kind: str, **fields: JSON) -> dict[str, str]:
    text = evidence_yaml(version, kind=kind, record=record(version), **fields)
    return {f"{MODEL}/versions/{version}/evidence/{name}.yaml": text}


def approval(
    by: str, *, version: str = "2", name: str = "", decision: str = "approve", **fields: JSON
) -> dict[str, str]:
    """A file that approves a version for production."""
    called = name or f"{decision}-{by.partition('<')[2].partition('@')[0].lower() or 'x'}"
    said: dict[str, JSON] = {"stage": "production", "decision": decision, "by": by}
    return _evidence(called, version, "approval", **(said | fields))


def evaluation(
    verdict: str, *, suite: str = "holdout", version: str = "2", name: str = "", **fields: JSON
) -> dict[str, str]:
    """A file that says how a version did in a suite."""
    said: dict[str, JSON] = {"suite": suite, "verdict": verdict}
    said["metrics"] = [{"key": "f1", "value": 0.9}]
    called = name or f"{suite}-{verdict}"
    return _evidence(called, version, "evaluation", **(said | fields))


def key(folder: Path, name: str) -> Path:
    """A new SSH key without a passphrase."""
    if shutil.which("ssh-keygen") is None:
        without("ssh-keygen is missing: install the OpenSSH client")
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(place)], check=True
    )
    return place


def signer(person: str, place: Path, options: str = "") -> str:
    """A line of ``allowed_signers``."""
    address = person.partition("<")[2].rstrip(">") or person
    public = " ".join(place.with_suffix(".pub").read_text().split()[:2])
    return f"{address} {options}{' ' if options else ''}{public}\n"


class Staged:
    """The registry.

    Args:
        root: Where its work tree will be.
        production: The stage ``production`` of ``registry.yaml``.
        files: More files of the first commit.
    """

    def __init__(
        self, root: Path, production: Mapping[str, JSON], files: Mapping[str, str] | None = None
    ) -> None:
        self.root = root
        new_work_tree(root)
        stages: dict[str, JSON] = {"staging": {}, "production": dict(production)}
        first = {
            "registry.yaml": registry_yaml(stages=stages),
            "models/nlp/namespace.yaml": namespace_yaml(),
            f"{MODEL}/model.yaml": model_yaml(),
            **_version("1"),
            **(files or {}),
        }
        self.commit(first, at="2026-11-01T12:00:00Z")
        self.commit(_version("2"), at="2026-11-02T12:00:00Z")

    def commit(
        self,
        files: Mapping[str, str] | None = None,
        *,
        deletes: Sequence[str] = (),
        by: str = ADA,
        at: str = DAY,
        key: Path | None = None,
        committer: str = "",
    ) -> str:
        """One commit on the checked-out branch, signed when there is a key; its id."""
        write_files(self.root, files or {})
        for path in deletes:
            (self.root / path).unlink()
        git(self.root, "add", "--all")
        signing = [] if key is None else ["-c", "gpg.format=ssh", "-c", f"user.signingKey={key}"]
        self._git(
            *signing, "commit", "--quiet", "--allow-empty", "-m", "Change", *(["-S"] if key else []),
            by=by, at=at, committer=committer or by,
        )  # fmt: skip
        return self.head

    def merged(
        self,
        files: Mapping[str, str],
        *,
        by: str,
        at: str = DAY,
        key: Path | None = None,
        button: str = CAROL,
    ) -> str:
        """One commit on a branch, and the merge of it by somebody else; the commit on the branch."""
        git(self.root, "switch", "--quiet", "--create", "topic")
        commit = self.commit(files, by=by, at=at, key=key)
        git(self.root, "switch", "--quiet", "main")
        self._git(
            "merge",
            "--quiet",
            "--no-ff",
            "-m",
            "Merge",
            "topic",
            by=button,
            at=at,
            committer=button,
        )
        git(self.root, "branch", "--quiet", "-D", "topic")
        return commit

    def _git(self, *arguments: str, by: str, at: str, committer: str) -> None:
        env = dict(os.environ)
        for role, person in (("AUTHOR", by), ("COMMITTER", committer)):
            name, _, address = person.partition(" <")
            env |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": address.rstrip(">")}
            env[f"GIT_{role}_DATE"] = at
        subprocess.run(["git", *arguments], cwd=self.root, env=env, check=True)

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return tip_of(self.root)

    @property
    def line(self) -> FirstParentHistory:
        """The history that ends there."""
        return FirstParentHistory(Repository.open(self.root).git, self.head)

    def catalog(self, files: Mapping[str, str] | None = None) -> Catalog:
        """The registry at HEAD, with a change laid over it."""
        tree = Repository.open(self.root).tree(self.head)
        return Catalog(OverlayTree(tree, DictTree(files or {})) if files else tree)

    def question(
        self,
        version: str = "2",
        *,
        change: Mapping[str, str] | None = None,
        history: bool = True,
        now: dt.datetime = NOW,
        present: Present | None = None,
    ) -> GateInput:
        """May a version become production? A change may bring evidence of its own."""
        base = self.catalog()
        model = self.catalog(change).model(ModelName("nlp", "lang-id"))
        view = None if model is None else model.version(version)
        assert view is not None
        stage = list_stages(base, "nlp")["production"]
        return GateInput(base, view, stage, self.line if history else None, now, present)

    def ask(
        self,
        version: str = "2",
        *,
        change: Mapping[str, str] | None = None,
        history: bool = True,
        now: dt.datetime = NOW,
        present: Present | None = None,
    ) -> tuple[GateResult, ...]:
        """What each gate says."""
        return evaluate_gates(
            self.question(version, change=change, history=history, now=now, present=present)
        )

    def says(
        self, change: Mapping[str, str] | None = None, *, history: bool = True
    ) -> tuple[str, str]:
        """What the last gate says about version 2: its state and its explanation."""
        last = self.ask(change=change, history=history)[-1]
        return last.state, last.explanation
