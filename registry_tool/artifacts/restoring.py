"""Bytes that a remote lost, brought back by somebody who has them: they must be the ones that the record names."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from registry_tool.artifacts.cache import Cache
from registry_tool.artifacts.ingesting import ingest
from registry_tool.artifacts.progress import SILENT, Progress
from registry_tool.artifacts.remote import Remote
from registry_tool.artifacts.sending import upload
from registry_tool.artifacts.verifying import differences
from registry_tool.errors import Refused, UsageError
from registry_tool.manifests.data import Data, text

__all__ = ["Restored", "restore"]


class Restored(NamedTuple):
    """What was brought back: how many objects the remote lacked, of how many, and their bytes together."""

    objects: int
    of: int
    size: int


def restore(
    entry: Data, source: Path, *, cache: Cache, remote: Remote, progress: Progress = SILENT
) -> Restored:
    """Upload what the remote lacks of a stored artifact.

    Args:
        entry: The artifact's entry in a manifest that passed its schema.
        source: The file or folder with its bytes; of an encrypted artifact, its ciphertext.
        cache: Where the bytes are kept on their way.
        remote: Where they go.
        progress: Told of the bytes.

    Raises:
        UsageError: The artifact is tracked elsewhere, or there is no such file.
        Refused: These are other bytes; nothing was uploaded.
        RemoteTrouble: The remote refused.
    """
    name = text(entry, "name")
    if "md5" not in entry:
        raise UsageError(
            f"artifact {name} is tracked elsewhere, so the registry's remote has no bytes of it",
            remedy=f"it is kept at {text(entry, 'uri')}",
        )
    ingested = ingest(source, cache=cache, progress=progress)
    if (ingested.md5, ingested.sha256) != (text(entry, "md5"), text(entry, "sha256")):
        whys = differences(entry, source) or [f"is md5 {ingested.md5}, not {text(entry, 'md5')}"]
        raise Refused(
            f"{source} is not artifact {name}: it {whys[0]}",
            remedy="bring the bytes that were added; other bytes are another version",
        )
    sent = upload(ingested, remote, progress=progress)
    return Restored(sent, len(ingested.blobs), ingested.size)
