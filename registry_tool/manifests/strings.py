"""The texts a manifest may hold: names, references, digests, times, lines.

Each is the same-named entry of ``$defs`` in the schemas, with the same pattern and the same longest form. Patterns
keep to what Python, ECMA-262 and Rust read alike: no look-around, no back-reference, ``[0-9]`` for a digit.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, StringConstraints

from registry_tool.names import (
    ARTIFACT_PATTERN,
    LATEST,
    MODEL_PATTERN,
    NAMESPACE_PATTERN,
    POINTER_PATTERN,
    VERSION_PATTERN,
)

__all__ = [
    "AgeRecipient",
    "ArtifactName",
    "ArtifactPath",
    "Commit",
    "Date",
    "ExternalId",
    "FileMd5",
    "FilePath",
    "FrameworkType",
    "Identity",
    "Key",
    "Label",
    "Line",
    "Location",
    "Md5",
    "ModelName",
    "ModelReference",
    "NamespaceName",
    "Owner",
    "PathSegment",
    "PointerName",
    "PublicKey",
    "Reader",
    "Reason",
    "Release",
    "RemoteName",
    "RuleId",
    "Sha256",
    "Successor",
    "Task",
    "Text",
    "Timestamp",
    "Token",
    "Uri",
    "Verdict",
    "VersionName",
    "VersionReference",
    "VersionScheme",
    "WorkingFolder",
    "matching",
]

# Names the layout gives a meaning; `schemas/` lists the same.
_TAKEN: Final = frozenset(
    {
        "version.yaml", "metadata.yaml", "status.yaml", "key.yaml", "model.yaml", "CARD.md",
        "evidence", "versions", "tags", "aliases",
    }
)  # fmt: skip
_DATE: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}"
_SEGMENT: Final = r"[^\x00-\x1f\x7f-\x9f/\\]+"
_MODEL_REFERENCE: Final = f"{NAMESPACE_PATTERN}/{MODEL_PATTERN}"
_VERSION_REFERENCE: Final = f"(?:{NAMESPACE_PATTERN}/)?{MODEL_PATTERN}@{VERSION_PATTERN}"
_ACCOUNT: Final = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?"
_MAILBOX: Final = "[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?"
_HOST: Final = "[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?"

_AGE: Final = "age1[02-9ac-hj-np-z]{58}"


def matching(pattern: str, longest: int) -> StringConstraints:
    """A text that is wholly of a pattern and not empty."""
    return StringConstraints(min_length=1, max_length=longest, pattern=f"^(?:{pattern})$")


def _not_latest(name: str) -> str:
    if name.casefold() == LATEST:
        raise ValueError(f"{name} is reserved: it always means the highest version")
    return name


def _not_taken(path: str) -> str:
    if path in _TAKEN:
        raise ValueError(f"{path} is the name of something else in this folder")
    if path.endswith(".dvc"):
        raise ValueError(f"{path} ends in .dvc, as pointers do")
    return path


def _inside(path: str) -> str:
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise ValueError(f"{path} has a part . or ..")
    return path


def _not_above(path: str) -> str:
    if ".." in path.split("/"):
        raise ValueError(f"{path} has a part ..")
    return path


NamespaceName = Annotated[str, matching(NAMESPACE_PATTERN, 64)]
PointerName = Annotated[str, matching(POINTER_PATTERN, 64), AfterValidator(_not_latest)]
ModelName = Annotated[str, matching(MODEL_PATTERN, 128)]
VersionName = Annotated[str, matching(VERSION_PATTERN, 128), AfterValidator(_not_latest)]
ArtifactName = Annotated[str, matching(ARTIFACT_PATTERN, 128)]
# DVC takes any text; a slash is one that people use.
RemoteName = Annotated[str, matching("[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?", 128)]
ModelReference = Annotated[str, matching(_MODEL_REFERENCE, 193)]
VersionReference = Annotated[str, matching(_VERSION_REFERENCE, 322)]
Successor = Annotated[
    str, matching(f"{VERSION_PATTERN}|{_VERSION_REFERENCE}|{_MODEL_REFERENCE}", 322)
]
Timestamp = Annotated[str, matching(f"{_DATE}T{_CLOCK}Z", 24)]
Date = Annotated[str, matching(_DATE, 10)]
Sha256 = Annotated[str, matching("[0-9a-f]{64}", 64)]
FileMd5 = Annotated[str, matching("[0-9a-f]{32}", 32)]
Md5 = Annotated[str, matching(r"[0-9a-f]{32}(?:\.dir)?", 36)]
Identity = Annotated[str, matching("sha256:[0-9a-f]{64}", 71)]
Line = Annotated[str, matching(r"[^\x00-\x1f\x7f]+", 128)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=16384)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Token = Annotated[str, matching("[!-~]+", 256)]
ExternalId = Annotated[str, matching("[!-~]+", 128)]
Key = Annotated[str, matching("[!-~](?:[ -~]{0,126}[!-~])?", 128)]
Release = Annotated[str, matching("[A-Za-z0-9](?:[A-Za-z0-9._+!-]{0,126}[A-Za-z0-9])?", 128)]
Uri = Annotated[str, matching(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:[^\x00-\x20\x7f]+", 2048)]
Location = Annotated[str, matching(r"[^\x00-\x20\x7f-][^\x00-\x20\x7f]*", 2048)]
Commit = Annotated[str, matching("(?:[0-9a-f]{40}|[0-9a-f]{64})", 64)]
Task = Annotated[str, matching(POINTER_PATTERN, 64)]
Label = Annotated[str, matching("[a-z0-9](?:[a-z0-9._:/-]{0,62}[a-z0-9])?", 64)]
RuleId = Annotated[str, matching("[A-Z][0-9]{3}", 4)]
_OWNER: Final = f"@{_ACCOUNT}(?:/{_ACCOUNT}){{0,4}}|{_MAILBOX}@{_HOST}"
Owner = Annotated[str, matching(_OWNER, 400)]
Reader = Annotated[str, matching(f"{_OWNER}|{POINTER_PATTERN}", 400)]
AgeRecipient = Annotated[str, matching(_AGE, 62)]
PublicKey = Annotated[
    str,
    matching(
        f"{_AGE}|ssh-ed25519 [A-Za-z0-9+/]{{68}}|ssh-rsa [A-Za-z0-9+/]{{100,2032}}={{0,2}}", 2048
    ),
]
ArtifactPath = Annotated[
    str,
    matching("[A-Za-z0-9_](?:[A-Za-z0-9._+ -]{0,198}[A-Za-z0-9_])?", 200),
    AfterValidator(_not_taken),
]
WorkingFolder = Annotated[
    str,
    matching(rf"(?:\./)*(?:\.|{_SEGMENT}(?:/{_SEGMENT})*/?)", 1024),
    AfterValidator(_not_above),
]
FilePath = Annotated[str, matching(f"{_SEGMENT}(?:/{_SEGMENT})*", 1024), AfterValidator(_inside)]
PathSegment = Annotated[str, matching(_SEGMENT, 200), AfterValidator(_inside)]

VersionScheme = Literal["integer", "semver", "calver", "free"]
Verdict = Literal["pass", "fail"]
FrameworkType = Literal[
    "transformers", "pytorch", "tensorflow", "keras", "sklearn", "xgboost", "lightgbm", "catboost", "onnx",
    "spacy", "fastai", "h2o", "statsmodels", "paddle", "gluon", "fasttext", "jax", "custom",
]  # fmt: skip
