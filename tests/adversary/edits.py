"""Edits by hand to the files of a commit, as data; what they lead to is a tree, made without a checkout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adversary.forge import Forge
from adversary.template import MODELS, POLICIES, version_of
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    tag_yaml,
    waiver_yaml,
)

__all__ = ["Edits", "Move", "as_int", "as_list", "as_text"]

# JSON: what a move says.
Move = Mapping[str, object]
_SECRET: Final = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ==\n-----END OPENSSH PRIVATE KEY-----\n"
_LARGE: Final = (1 << 20) + 100


def as_text(value: object) -> str:
    """A text of a move."""
    return value if isinstance(value, str) else str(value)


def as_int(value: object) -> int:
    """A number of a move."""
    return value if isinstance(value, int) else 0


def as_list(value: object) -> Sequence[Any]:
    """A list of a move."""
    return value if isinstance(value, list | tuple) else ()


class Edits:
    """Edits by hand.

    Args:
        forge: Reads and writes objects.
        line: Commits of the past, from which things can be brought back.
    """

    def __init__(self, forge: Forge, line: Sequence[str]) -> None:
        self._forge = forge
        self._line = line

    def tree(self, base: str, edits: Sequence[Move]) -> str:
        """The tree that some edits make of another."""
        changed = dict(self._forge.listing(base))
        for edit in edits:
            self._edit(changed, edit)
        return self._forge.tree(changed)

    def hostile(self, tree: str, how: int) -> str:
        """A tree with an entry that no sane Git writes."""
        shown = self._forge.entries(tree)
        other, file = self._forge.blob("stages: {}\n"), "100644"
        inner = next((oid for _, oid, name in shown if name == "models"), other)
        tricks = (
            ("40000", self._forge.tree({}), "models"),
            (file, other, "registry.yaml"),
            (file, other, "models"),
            ("40000", inner, ".git"),
            ("40000", inner, ".GIT"),
            ("40000", inner, ".."),
            (file, other, "models/nlp/m/model.yaml"),
            ("40000", inner, "git~1"),
            ("160000", "1" * 40, "sub"),
            ("100664", other, "odd-mode"),
        )
        extra = [tricks[how % len(tricks)]]
        # Of two equal names either may come first.
        entries = [*extra, *shown] if how % 2 else [*shown, *extra]
        return self._forge.raw_tree(sorted(entries, key=lambda entry: entry[2]))

    def _put(self, files: dict[str, tuple[str, str]], path: str, content: str, mode: str = "100644") -> None:  # fmt: skip
        # A file where a folder is, or the other way round, takes its place.
        for other in [p for p in files if p.startswith(f"{path}/") or path.startswith(f"{p}/")]:
            del files[other]
        files[path] = (mode, self._forge.blob(content))

    def _edit(self, files: dict[str, tuple[str, str]], edit: Move) -> None:
        kind = as_text(edit["edit"])
        model = MODELS[as_int(edit.get("model", 0)) % len(MODELS)]
        if kind in _WRITTEN:
            for path, content in _WRITTEN[kind](edit, model).items():
                self._put(files, path, content)
        elif kind in {"delete", "spoil", "mode", "case", "restore", "move", "link"}:
            self._by_path(files, edit, kind)
        elif kind == "evidence":
            self._evidence(files, edit, model)

    def _evidence(self, files: dict[str, tuple[str, str]], edit: Move, model: str) -> None:
        version = as_text(edit.get("version", "1"))
        folder = f"models/{model}/versions/{version}"
        there = files.get(f"{folder}/version.yaml")
        record = None if there is None else self._forge.text(there[1])
        text = evidence_yaml(
            version, kind="evaluation", record=record, suite="holdout",
            verdict=as_text(edit.get("verdict", "pass")), metrics=[{"key": "f1", "value": 0.9}],
        )  # fmt: skip
        self._put(files, f"{folder}/evidence/{as_text(edit.get('name', 'more'))}.yaml", text)

    def _by_path(self, files: dict[str, tuple[str, str]], edit: Move, kind: str) -> None:
        """What is done to one of the files that are there, or were."""
        past = self._forge.listing(self._line[as_int(edit.get("back", 0)) % len(self._line)])
        known = past if kind == "restore" else files
        wanted = as_text(edit.get("path", ""))
        fitting = sorted(path for path in known if path.startswith("models/") and wanted in path)
        if not fitting:
            return
        path = fitting[as_int(edit.get("which", 0)) % len(fitting)]
        mode, oid = known[path]
        if kind == "restore":
            files[path] = (mode, oid)
        elif kind == "delete":
            del files[path]
        elif kind == "mode":
            files[path] = ("100755" if mode == "100644" else "100644", oid)
        elif kind == "link":
            files[path] = ("120000", oid)
        elif kind == "spoil":
            text = self._forge.text(oid)
            self._put(files, path, _spoilt(text, as_int(edit.get("how", 0))), mode)
        else:  # moved, to a path that differs by case or by a folder
            parts = path.split("/")
            at = -1 - as_int(edit.get("how", 0)) % (len(parts) - 1)
            parts[at] = parts[at].swapcase() if kind == "case" else f"{parts[at]}x"
            del files[path]
            files["/".join(parts)] = (mode, oid)


def _spoilt(text: str, how: int) -> str:
    """A text with a small change in it."""
    changes = (
        text + "# a remark\n",
        text.replace("0.5", "0.99").replace("0.6", "0.99"),
        text.replace("'1'", "'2'").replace('"1"', '"2"'),
        text.replace("verdict: fail", "verdict: pass"),
        text.replace("state: withdrawn", "state: active").replace("state: erased", "state: active"),
        text.replace("size: ", "size: 1"),
    )
    return changes[how % len(changes)]


def _alias(edit: Move, model: str) -> dict[str, str]:
    pinned = True if edit.get("pinned") else None
    text = alias_yaml(as_text(edit.get("version", "1")), model, pinned=pinned)
    return {f"models/{model}/aliases/{as_text(edit.get('name', 'champion'))}.yaml": text}


def _tag(edit: Move, model: str) -> dict[str, str]:
    text = tag_yaml(as_text(edit.get("version", "1")), model)
    return {f"models/{model}/tags/{as_text(edit.get('name', 'first'))}.yaml": text}


def _version(edit: Move, model: str) -> dict[str, str]:
    accuracy = as_int(edit.get("accuracy", 95)) / 100
    return version_of(as_text(edit.get("version", "5")), model, salt=as_int(edit.get("salt", 1)), accuracy=accuracy)  # fmt: skip


def _status(edit: Move, model: str) -> dict[str, str]:
    path = f"models/{model}/versions/{as_text(edit.get('version', '1'))}/status.yaml"
    return {path: status_yaml(as_text(edit.get("state", "deprecated")))}


def _policy(edit: Move, _: str) -> dict[str, str]:
    return {"registry.yaml": registry_yaml(**POLICIES[as_int(edit.get("which", 0)) % len(POLICIES)])}  # fmt: skip


def _namespace(edit: Move, _: str) -> dict[str, str]:
    stages = POLICIES[as_int(edit.get("which", 0)) % len(POLICIES)]["stages"]
    return {"models/nlp/namespace.yaml": namespace_yaml(stages=stages)}


def _model(edit: Move, _: str) -> dict[str, str]:
    name = as_text(edit.get("name", "n"))
    return {f"models/nlp/{name}/model.yaml": model_yaml(name, "nlp")}


def _waiver(edit: Move, model: str) -> dict[str, str]:
    import datetime as dt

    rule = as_text(edit.get("rule", "C401"))
    today = dt.datetime.now(dt.UTC).date()
    name = f"waivers/{today}-{rule.lower()}-x.yaml"
    version = as_text(edit.get("version", ""))
    subject = f"{model}@{version}" if version else model
    until = str(today + dt.timedelta(days=20))
    return {name: waiver_yaml(rule, subject, expires=until)}


def _metadata(edit: Move, model: str) -> dict[str, str]:
    path = f"models/{model}/versions/{as_text(edit.get('version', '1'))}/metadata.yaml"
    return {path: metadata_yaml(labels=[as_text(edit.get("label", "edge"))])}


def _secret(_: Move, model: str) -> dict[str, str]:
    return {f"models/{model}/CARD.md": _SECRET}


def _large(_: Move, __: str) -> dict[str, str]:
    return {"notes.txt": "x" * _LARGE}


def _raw(edit: Move, _: str) -> dict[str, str]:
    return {as_text(edit.get("path", "notes.md")): as_text(edit.get("text", "x\n"))}


_WRITTEN: Final[Mapping[str, Callable[[Move, str], dict[str, str]]]] = {
    "alias": _alias,
    "tag": _tag,
    "version": _version,
    "status": _status,
    "policy": _policy,
    "namespace": _namespace,
    "model": _model,
    "waiver": _waiver,
    "metadata": _metadata,
    "secret": _secret,
    "large": _large,
    "raw": _raw,
}
