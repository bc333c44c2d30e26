"""A registry as people have one after half a year: five models, stages with gates, promotions, a rollback, a draft.

It is what pictures of pages are made of, so its numbers tell a story: ``nlp/lang-id`` gets better and smaller, version 11 was
wrong and was rolled back, 14 waits in staging for its last gate.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.writer import render
from support import git, write_files
from support.manifests import (
    DVC_CONFIG,
    alias_yaml,
    evidence_yaml,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    stored_artifact,
    tag_yaml,
    version_files,
)
from support.repositories import new_work_tree

__all__ = ["LANG_ID", "build_illustrated_registry"]

LANG_ID = "models/nlp/lang-id"
_CARD = """# lang-id

**lang-id** names the language of a text in under five milliseconds on one core. It is meant for routing of messages and for
choosing a tokenizer; it is not meant for dialects.

## Where it is weak

- Norwegian and Danish below twenty characters: one in nine is confused.
- Text that mixes two languages gets the longer one.

## Trained on

| Part | Texts |
| --- | ---: |
| train | 3,520,000 |
| holdout | 40,000 |
"""
# Version, day, accuracy, latency, size in bytes.
_VERSIONS = (
    ("1", "2026-01-06", 0.8712, 6.9, 8_800_000),
    ("2", "2026-01-14", 0.8934, 6.8, 8_900_000),
    ("3", "2026-01-29", 0.9027, 7.4, 9_400_000),
    ("4", "2026-02-11", 0.9006, 5.1, 8_800_000),
    ("5", "2026-02-24", 0.9118, 5.3, 8_800_000),
    ("6", "2026-03-10", 0.9142, 5.2, 8_800_000),
    ("7", "2026-03-25", 0.9207, 6.1, 9_400_000),
    ("8", "2026-04-08", 0.9163, 4.6, 7_000_000),
    ("9", "2026-04-29", 0.9284, 4.8, 7_000_000),
    ("10", "2026-05-13", 0.9291, 4.7, 7_000_000),
    ("11", "2026-06-03", 0.9342, 5.0, 7_300_000),
    ("12", "2026-06-17", 0.9387, 4.1, 5_600_000),
    ("13", "2026-07-08", 0.9371, 3.6, 4_900_000),
    ("14", "2026-07-22", 0.9451, 3.9, 5_200_000),
)
_STAGING = (
    ("2", "2026-01-16", "the first candidate"),
    ("3", "2026-02-01", "better on short text"),
    ("5", "2026-02-26", "quantised"),
    ("7", "2026-03-28", "more languages"),
    ("9", "2026-05-02", "candidate for May"),
    ("11", "2026-06-06", "better everywhere"),
    ("12", "2026-06-20", "smaller"),
    ("14", "2026-07-24", "candidate for August"),
)
_PRODUCTION = (
    ("3", "2026-02-03", "the first that passes the gates", False),
    ("5", "2026-03-03", "quantised", False),
    ("7", "2026-04-01", "more languages", False),
    ("9", "2026-05-06", "better on short text", False),
    ("11", "2026-06-11", "better everywhere", False),
    ("9", "2026-06-14", "wrong on mixed scripts", True),
    ("12", "2026-06-24", "smaller, and better on short text", False),
)
_OTHERS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("nlp/router", "message-routing", (("27", "2026-01-20"), ("29", "2026-04-20"), ("30", "2026-07-02"))),
    ("search/query-tokens", "tokenization", (("2", "2026-02-01"), ("4", "2026-05-28"))),
    ("search/ranker", "ranking", (("11", "2026-02-01"), ("14", "2026-04-16"))),
    ("vision/doc-layout", "layout-analysis", (("1", "2026-05-11"), ("2", "2026-06-22"))),
)  # fmt: skip
_GATES: dict[str, JSON] = {
    "staging": {},
    "production": {
        "from": "staging",
        "soak": "7d",
        "require": [
            {"metric": "accuracy", "min": 0.9},
            {
                "metric": "latency_ms",
                "not_worse_than": "current",
                "tolerance": 0.05,
                "better": "lower",
            },
            {"evidence": "evaluation", "suite": "holdout-2026", "verdict": "pass"},
        ],
    },
}


def _record(version: str, day: str, accuracy: float, latency: float, size: int) -> dict[str, JSON]:
    content = f"lang-id {version}".encode()
    number = int(version)
    return {
        "created_at": f"{day}T08:30:00.000Z",
        "author": "train-bot <train-bot@example.org>",
        "description": f"Trained on the texts of {day[:7]}.",
        "framework": {"type": "fasttext", "version": "0.9.3"},
        "environment": {
            "python_version": "3.11",
            "pip_packages": ["fasttext==0.9.3", f"numpy=={'1.26.3' if number < 14 else '2.1.0'}"],
        },
        "lineage": {
            "datasets": [{"uri": f"s3://texts/sentences-{day[:7]}", "name": f"sentences-{day[:7]}", "digest": f"sha256:{hashlib.sha256(day.encode()).hexdigest()}"}],
            "code": {"repository": "https://git.example.org/speech/train", "commit": hashlib.sha1(day.encode(), usedforsecurity=False).hexdigest()},
        },
        "parameters": {"minn": 1 if number == 14 else 2, "maxn": 4, "dim": 14 if number == 14 else 16},
        "artifacts": [
            {**stored_artifact(content), "path": "lid.ftz", "size": size},
            {**stored_artifact(b"labels"), "name": "labels", "role": "document", "path": "labels.txt", "size": 2100},
        ],
        "metrics": [
            {"key": "accuracy", "value": accuracy},
            {"key": "latency_ms", "value": latency},
            {"key": "macro_f1", "value": round(accuracy - 0.007, 4)},
            {"key": "memory_mb", "value": 38 if number < 14 else 41},
        ],
    }  # fmt: skip


class _Writer:
    """Commits at chosen times."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._steps: list[tuple[str, int, str, dict[str, str]]] = []

    def plan(
        self, day: str, files: Mapping[str, str], *, by: str = "release-bot", hour: int = 9
    ) -> None:
        self._steps.append((day, hour, by, dict(files)))

    def commit(self) -> None:
        for day, hour, by, files in sorted(self._steps, key=lambda one: one[:2]):
            write_files(self.root, files)
            git(self.root, "add", "--all")
            env = dict(os.environ)
            for role in ("AUTHOR", "COMMITTER"):
                env |= {f"GIT_{role}_NAME": by, f"GIT_{role}_EMAIL": f"{by}@example.org"}
                env[f"GIT_{role}_DATE"] = f"{day}T{hour:02}:00:00Z"
            subprocess.run(
                ["git", "commit", "--quiet", "--no-verify", "-m", f"Change of {day}"],
                cwd=self.root, env=env, check=True,
            )  # fmt: skip


def _plan_lang_id(writer: _Writer) -> None:
    writer.plan("2026-01-05", {
        "registry.yaml": registry_yaml(name="acme-models", description="Models of Acme, with their history.", stages=_GATES),
        ".dvc/config": DVC_CONFIG,
        **{f"models/{one}/namespace.yaml": namespace_yaml() for one in ("nlp", "search", "vision")},
        f"{LANG_ID}/model.yaml": model_yaml(
            description="Which of 176 languages is this text in? Short messages first: it is tuned on texts of under forty characters.",
            owner="speech", license="CC-BY-SA-3.0", labels=["edge", "multilingual"], external_id="lid-176",
        ),
        f"{LANG_ID}/CARD.md": _CARD,
    }, by="speech-lead")  # fmt: skip
    for version, day, accuracy, latency, size in _VERSIONS:
        fields = _record(version, day, accuracy, latency, size)
        files = version_files(version, "nlp/lang-id", **fields)
        writer.plan(day, files, by="train-bot")
        text = files[f"{LANG_ID}/versions/{version}/version.yaml"]
        evaluation = evidence_yaml(
            version, kind="evaluation", record=text, suite="holdout-2026", verdict="pass", by="eval-bot",
            at=f"{day}T12:00:00.000Z", metrics=[{"key": "accuracy", "value": accuracy}],
        )  # fmt: skip
        writer.plan(
            day,
            {f"{LANG_ID}/versions/{version}/evidence/holdout-2026.yaml": evaluation},
            by="eval-bot",
            hour=12,
        )
    for version, day, reason in _STAGING:
        writer.plan(day, {f"{LANG_ID}/aliases/staging.yaml": alias_yaml(version, reason=reason)})
    for version, day, reason, back in _PRODUCTION:
        alias = alias_yaml(version, reason=reason, pinned=True if back else None)
        writer.plan(
            day,
            {f"{LANG_ID}/aliases/production.yaml": alias},
            by="speech-lead" if back else "release-bot",
        )
    writer.plan("2026-06-15", {
        f"{LANG_ID}/versions/11/status.yaml": status_yaml("withdrawn", reason="It is wrong on mixed scripts.", since="2026-06-15"),
    }, by="speech-lead")  # fmt: skip
    writer.plan("2026-07-08", {
        f"{LANG_ID}/aliases/canary.yaml": alias_yaml("13", reason="the quantised one, on phones only"),
        f"{LANG_ID}/tags/v9-lts.yaml": tag_yaml("9"),
    }, hour=15)  # fmt: skip
    draft = version_files("15", "nlp/lang-id", **_record("14", "2026-07-27", 0.946, 3.9, 5_200_000))
    writer.plan(
        "2026-07-27", {p.replace("/versions/", "/drafts/"): text for p, text in draft.items()}
    )


def _plan_others(writer: _Writer) -> None:
    for name, task, moves in _OTHERS:
        namespace, _, short = name.partition("/")
        folder = f"models/{name}"
        fields: dict[str, JSON] = {
            "task": task,
            "owner": "search",
            "description": f"A model for {task.replace('-', ' ')}.",
        }
        writer.plan("2026-01-06", {f"{folder}/model.yaml": model_yaml(short, namespace, **fields)})
        for number, (version, day) in enumerate(moves):
            lineage: dict[str, JSON] = (
                {"base_model": "nlp/lang-id@12"} if name == "nlp/router" else {}
            )
            record: dict[str, JSON] = {
                "created_at": f"{day}T06:00:00.000Z", "lineage": lineage or None,
                "artifacts": [stored_artifact(f"{name} {version}".encode())],
                "metrics": [{"key": "accuracy", "value": round(0.8 + number / 20, 3)}, {"key": "latency_ms", "value": 20 - number}],
            }  # fmt: skip
            writer.plan(day, version_files(version, name, **record), by="train-bot", hour=6)
            staging = {
                f"{folder}/aliases/staging.yaml": alias_yaml(version, name, reason="candidate")
            }
            writer.plan(day, staging, hour=7)
            production = alias_yaml(version, name, reason=f"retrained, {day[:7]}")
            writer.plan(day, {f"{folder}/aliases/production.yaml": production}, hour=8)
    writer.plan("2026-07-28", {
        "waivers/2026-07-28-m204-ranker.yaml": render({
            "schema": "waiver/v1", "rule": "M204", "subject": "search/ranker@14", "reason": "The remote moves this week.",
            "expires": "2026-08-15", "approved_by": "platform-lead",
        }).decode(),
    })  # fmt: skip


def build_illustrated_registry(root: Path) -> Path:
    """Make the registry in a new work tree; about sixty commits."""
    new_work_tree(root)
    writer = _Writer(root)
    _plan_lang_id(writer)
    _plan_others(writer)
    writer.commit()
    return root


if __name__ == "__main__":
    import sys

    build_illustrated_registry(Path(sys.argv[1]))
