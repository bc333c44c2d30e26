"""Manifests with good defaults, and whole registries of them.

Every builder gives the text of one manifest; keyword arguments set or replace fields, and ``None`` takes one away.
``small_registry`` is a whole valid registry as a mapping from path to text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from registry_tool.artifacts.dvc_files import Pointer, render_pointer
from registry_tool.manifests.identity import identity
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.writer import render

__all__ = [
    "CREATED_AT",
    "DVC_CONFIG",
    "MODEL_BYTES",
    "alias_yaml",
    "evidence_yaml",
    "metadata_yaml",
    "model_files",
    "model_yaml",
    "namespace_yaml",
    "pointer_yaml",
    "registry_yaml",
    "small_registry",
    "status_yaml",
    "stored_artifact",
    "tag_yaml",
    "tracked_artifact",
    "version_data",
    "version_files",
    "version_yaml",
    "waiver_yaml",
]

CREATED_AT = "2026-11-21T08:30:00.000Z"
MODEL_BYTES = b"the bytes of a model\n"
# A remote in a folder of the registry's own checkout, which Git ignores; ``put_object`` fills it.
DVC_CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../storage\n"
_SHA256 = hashlib.sha256(MODEL_BYTES).hexdigest()


def _manifest(kind: str, defaults: Mapping[str, JSON], fields: Mapping[str, JSON]) -> str:
    data = {"schema": f"{kind}/v1", **defaults, **fields}
    return render({key: value for key, value in data.items() if value is not None}).decode()


def registry_yaml(**fields: JSON) -> str:
    """``registry.yaml``."""
    return _manifest("registry", {"name": "acme-models", "remote": "storage"}, fields)


def namespace_yaml(**fields: JSON) -> str:
    """``namespace.yaml``."""
    return _manifest("namespace", {"owners": ["@acme/speech"]}, fields)


def model_yaml(name: str = "lang-id", namespace: str = "nlp", **fields: JSON) -> str:
    """``model.yaml``."""
    defaults: dict[str, JSON] = {
        "name": name,
        "namespace": namespace,
        "owner": "@acme/speech",
        "task": "language-identification",
        "description": "Tells 176 languages apart.",
    }
    return _manifest("model", defaults, fields)


def stored_artifact(content: bytes = MODEL_BYTES, **fields: JSON) -> dict[str, JSON]:
    """The entry of an artifact that is one stored file."""
    entry: dict[str, JSON] = {
        "name": "model",
        "role": "model",
        "path": "model.bin",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
    }
    return entry | fields


def tracked_artifact(uri: str = "s3://bucket/eval.parquet", **fields: JSON) -> dict[str, JSON]:
    """The entry of an artifact that is tracked elsewhere."""
    entry: dict[str, JSON] = {"name": "eval", "role": "dataset", "uri": uri}
    return entry | fields


def version_data(version: str = "1", model: str = "nlp/lang-id", **fields: JSON) -> dict[str, JSON]:
    """The data of a ``version.yaml``, with the identity its content has."""
    defaults: dict[str, JSON] = {
        "schema": "version/v1",
        "model": model,
        "version": version,
        "created_at": CREATED_AT,
        "framework": {"type": "fasttext"},
        "artifacts": [stored_artifact()],
    }
    data = {k: v for k, v in (defaults | fields).items() if v is not None}
    return {**data, "identity": identity(data), **fields}


def version_yaml(version: str = "1", model: str = "nlp/lang-id", **fields: JSON) -> str:
    """``version.yaml``, with the identity its content has."""
    data = version_data(version, model, **fields)
    return render({k: v for k, v in data.items() if v is not None}).decode()


def alias_yaml(version: str = "1", model: str = "nlp/lang-id", **fields: JSON) -> str:
    """``aliases/<alias>.yaml``."""
    return _manifest("alias", {"model": model, "version": version}, fields)


def tag_yaml(version: str = "1", model: str = "nlp/lang-id", **fields: JSON) -> str:
    """``tags/<tag>.yaml``."""
    return _manifest("tag", {"model": model, "version": version}, fields)


def status_yaml(state: str = "deprecated", **fields: JSON) -> str:
    """``status.yaml``."""
    return _manifest("status", {"state": state, "reason": "It is out of date."}, fields)


def metadata_yaml(**fields: JSON) -> str:
    """``metadata.yaml``."""
    return _manifest("metadata", {}, fields)


def evidence_yaml(
    version: str = "1", *, kind: str = "note", record: str | None = None, **fields: JSON
) -> str:
    """``evidence/<id>.yaml``; ``record`` is the text of the ``version.yaml`` it is about."""
    digest = _SHA256 if record is None else hashlib.sha256(record.encode()).hexdigest()
    defaults: dict[str, JSON] = {
        "kind": kind,
        "subject": {"version": version, "sha256": digest},
        "by": "@acme/speech",
        "at": CREATED_AT,
    }
    if kind == "note":
        defaults["text"] = "Looked at by hand."
    return _manifest("evidence", defaults, fields)


def waiver_yaml(rule: str = "A501", subject: str = "nlp/lang-id@1", **fields: JSON) -> str:
    """``waivers/<id>.yaml``."""
    defaults: dict[str, JSON] = {
        "rule": rule,
        "subject": subject,
        "reason": "The remote moves this week.",
        "expires": "2026-12-01",
        "approved_by": "@acme/platform",
    }
    return _manifest("waiver", defaults, fields)


def pointer_yaml(entry: Mapping[str, JSON]) -> str:
    """The ``.dvc`` pointer of a stored artifact's entry."""
    size, nfiles = entry["size"], entry.get("nfiles")
    pointer = Pointer(
        path=str(entry["path"]),
        md5=str(entry["md5"]),
        size=size if isinstance(size, int) else None,
        nfiles=nfiles if isinstance(nfiles, int) else None,
    )
    return render_pointer(pointer).decode()


def version_files(version: str = "1", model: str = "nlp/lang-id", **fields: JSON) -> dict[str, str]:
    """The files of one version: its record and its pointers."""
    data = version_data(version, model, **fields)
    folder = f"models/{model}/versions/{version}"
    files = {f"{folder}/version.yaml": version_yaml(version, model, **fields)}
    artifacts = data["artifacts"]
    for entry in artifacts if isinstance(artifacts, list) else ():
        if isinstance(entry, dict) and "path" in entry:
            files[f"{folder}/{entry['path']}.dvc"] = pointer_yaml(entry)
    return files


def model_files(
    model: str = "nlp/lang-id", *, versions: Sequence[str] = ("1",), **fields: JSON
) -> dict[str, str]:
    """The files of one model and its versions; each version has bytes of its own.

    The bytes of version ``V`` of model ``M`` are ``MODEL_BYTES`` for ``nlp/lang-id`` 1 and ``M@V`` elsewhere.
    """
    namespace, _, name = model.partition("/")
    files = {f"models/{model}/model.yaml": model_yaml(name, namespace, **fields)}
    for version in versions:
        subject = f"{model}@{version}"
        content = MODEL_BYTES if subject == "nlp/lang-id@1" else subject.encode()
        files |= version_files(version, model, artifacts=[stored_artifact(content)])
    return files


def small_registry(*, versions: Sequence[str] = ("1", "2")) -> dict[str, str]:
    """A valid registry: ``nlp/lang-id`` with some versions, alias ``production`` and tag ``first`` on the first."""
    folder = "models/nlp/lang-id"
    return {
        "registry.yaml": registry_yaml(),
        ".dvc/config": DVC_CONFIG,
        ".gitignore": "/storage\n/models/**/*.bin\n",
        "models/nlp/namespace.yaml": namespace_yaml(),
        **model_files(versions=versions),
        f"{folder}/aliases/production.yaml": alias_yaml(versions[0]),
        f"{folder}/tags/first.yaml": tag_yaml(versions[0]),
    }
