"""Bundles of Model Signing beside a version: which artifact each is of, and whether it holds by a key.

A bundle signs bytes and knows nothing of records, so it counts by a key that the reader brings, for the artifact whose
files it names one by one; a bundle that leaves out a file of it is not good. What is encrypted is signed encrypted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.evidence import pieces
from registry_tool.crypto.model_signing import Bundle, NotABundleError, parse
from registry_tool.manifests.data import Data, records, text
from registry_tool.signing.signatures import MODEL_SIGNING, Endorsement, Signature

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import VersionView
    from registry_tool.crypto.pem import PublicKey

__all__ = ["Copy", "Found", "judge_bundles", "list_bundles"]

_SHOWN: Final = 3
# What bundles call the only file of what is no folder.
_FILE: Final = frozenset({"."})


class Copy(NamedTuple):
    """The bytes of a stored artifact on disk.

    Attributes:
        name: The artifact's name.
        entry: Its entry in the record.
        place: The file or folder.
        trouble: Why no signature can be asked of these bytes, in words; empty where one can.
    """

    name: str
    entry: Data
    place: Path
    trouble: str = ""


class Found(NamedTuple):
    """One bundle, as it was found.

    Attributes:
        path: The file.
        text: The bundle; empty where it is not to be had.
        state: What it is worth then.
        why: Why, in words.
    """

    path: str
    text: str
    state: Signature = Signature("other")
    why: str = ""


class _Files(NamedTuple):
    """What a copy holds: its files' names as bundles have them, and their SHA-256 where the record lists them."""

    names: frozenset[str]
    digests: dict[str, str]


def list_bundles(version: VersionView) -> list[Found]:
    """The bundles in the evidence of a version, by file name."""
    found = []
    for piece in pieces(version, "signature"):
        if text(piece.data, "format") != MODEL_SIGNING:
            continue
        path, uri = piece.document.path, text(piece.data, "uri")
        if not piece.fits:
            found.append(Found(path, "", Signature("bad"), "it is about other content"))
        elif uri:
            why = f"its bundle is stored at {uri}; download it and pass it: --bundle FILE"
            found.append(Found(path, "", Signature("unchecked"), why))
        else:
            found.append(Found(path, text(piece.data, "value")))
    return found


def _files(copy: Copy) -> _Files:
    from registry_tool.artifacts.dvc_files import is_listing, walk

    if not is_listing(text(copy.entry, "md5")):
        return _Files(_FILE, {".": text(copy.entry, "sha256")})
    listed = {text(one, "path"): text(one, "sha256") for one in records(copy.entry, "files")}
    return _Files(frozenset(path for path, _ in walk(copy.place)), listed)


def _list_names(names: Iterable[str]) -> str:
    them = sorted(names)
    shown = ", ".join(f"{name[:200]!a}" for name in them[:_SHOWN])
    return f"{shown} and {len(them) - _SHOWN} more" if len(them) > _SHOWN else shown


def _differs(bundle: Bundle, files: _Files) -> str:
    """Why a bundle cannot be of a copy, without reading its bytes; empty where it can."""
    if bundle.files == _FILE != files.names:
        return "it covers a file, but the artifact is a folder"
    if files.names == _FILE != bundle.files:
        return "it covers a folder, but the artifact is a file"
    if left_out := files.names - bundle.files:
        return f"it does not cover {_list_names(left_out)}"
    if more := bundle.files - files.names:
        return f"it also covers {_list_names(more)}, which the artifact does not have"
    if bundle.hash_type != "sha256" or bundle.shard_size is not None or not files.digests:
        return ""
    other = [name for name, digest in bundle.digests.items() if files.digests[name] != digest]
    return f"it covers other content of {_list_names(other)}" if other else ""


def _of_copy(bundle: Bundle, copy: Copy, key: PublicKey) -> str:
    """Why a bundle is none of a copy by a key; empty where it is."""
    from registry_tool.crypto import model_signing

    return _differs(bundle, _files(copy)) or model_signing.trouble(bundle, copy.place, key)


def _about(bundle: Bundle, copies: Sequence[Copy], apart: frozenset[str]) -> Copy | None:
    """The copy that a bundle seems to be of, if it is of none: by what its signer called it, or the only one."""
    named = [copy for copy in copies if text(copy.entry, "path") == bundle.subject]
    only = copies if len(copies) == 1 and bundle.subject not in apart else []
    return next(iter([*named, *only]), None)


def _judge_bundle(
    path: str, bundle: Bundle, copies: Sequence[Copy], apart: frozenset[str], key: PublicKey
) -> Endorsement:
    if bundle.hint not in {"", key.digest}:
        other = bundle.hint[: len(key.digest)]
        return Endorsement(path, Signature("unknown key", key=other), f"by another key: {other}")
    whys = {}
    for copy in copies:
        if not copy.trouble:
            whys[copy.name] = _of_copy(bundle, copy, key)
            if not whys[copy.name]:
                good = Signature("good", key=key.digest)
                return Endorsement(path, good, artifact=copy.name)
    seems = _about(bundle, copies, apart)
    if seems is None and bundle.subject in apart:
        return Endorsement(path, Signature("other"), "of an artifact that was not checked")
    if seems is None:
        return Endorsement(path, Signature("bad"), "it covers none of the artifacts")
    if seems.trouble:
        return Endorsement(path, Signature("unchecked"), seems.trouble, seems.name)
    return Endorsement(path, Signature("bad"), whys[seems.name], seems.name)


def judge_bundles(
    found: Iterable[Found],
    copies: Sequence[Copy],
    key: PublicKey,
    *,
    apart: frozenset[str] = frozenset(),
) -> list[Endorsement]:
    """What each bundle is worth by a key; bytes of copies are read where a bundle may be of them.

    Args:
        found: The bundles.
        copies: The artifacts that are looked at.
        key: The key that must have made them.
        apart: What the version's other artifacts are called on disk.

    Raises:
        OperationalError: A file cannot be read; or the package ``model-signing`` is not installed.
    """
    made = []
    for one in found:
        if not one.text:
            made.append(Endorsement(one.path, one.state, one.why))
            continue
        try:
            bundle = parse(one.text)
        except NotABundleError as exc:
            made.append(Endorsement(one.path, Signature("bad"), f"it is not a bundle: {exc}"))
            continue
        made.append(_judge_bundle(one.path, bundle, copies, apart, key))
    return made
