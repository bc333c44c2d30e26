"""The rule that keeps payloads out of Git: bytes belong into a DVC remote."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.checks.rule import FileRule, FileView, Hit, Rule
from registry_tool.checks.rules.wording import command, named
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.layout import MODELS

__all__ = ["FILE_LIMIT", "RULES", "is_payload", "no_large_blob"]

# The most a file outside models/ may have.
FILE_LIMIT = 1 << 20
_ADD = "; then `registry version add` stores the bytes and writes the pointer"


def _has_pointer(file: FileView) -> bool:
    """True where the file, or a folder it lies in, is an artifact by the pointer beside it."""
    parts = file.path.split("/")
    # models/<namespace>/<model>/<file> is the shallowest place of an artifact.
    ends = range(4, len(parts) + 1)
    return any(file.catalog.tree.entry("/".join(parts[:end]) + ".dvc") for end in ends)


def is_payload(file: FileView) -> bool:
    """True for a file without a place in the layout that is an artifact's bytes, or as large as such."""
    if file.location is not None or not file.path.startswith(f"{MODELS}/"):
        return False
    return _has_pointer(file) or len(file.source) > READ_LIMIT


def _is_large(file: FileView) -> bool:
    """True for more than 1 MiB; the second read is only made for files that passed the first limit."""
    if len(file.source) <= READ_LIMIT:
        return False
    return len(file.catalog.tree.read(file.path, limit=FILE_LIMIT) or b"") > FILE_LIMIT


def no_payload(file: FileView) -> Iterator[Hit]:
    """No artifact's bytes and no large file may be committed to Git.

    Git keeps every version of every file for ever, and each clone pays for it. Bytes belong into the DVC remote; Git
    holds the ``.dvc`` pointer and the digests. Under ``models/`` the limit is 256 kB, elsewhere 1 MiB.

    Mend it: ``git rm --cached FILE``, then ``registry version add`` stores the bytes and writes the pointer.

    Example:
        ``models/nlp/lang-id/versions/4/lid.176.ftz`` committed beside ``lid.176.ftz.dvc``.
    """
    place, path = file.location, file.path
    if not file.is_regular:
        return
    remedy = command("git rm --cached", path)
    if place is not None and place.kind == "card" and len(file.source) > READ_LIMIT:
        yield Hit(
            f"{named(path)} is larger than {READ_LIMIT // 1024} kB",
            expected=f"at most {READ_LIMIT:,} bytes",
            remedy="shorten it; pictures belong into artifacts, or behind a link",
        )
    elif is_payload(file):
        what = "the bytes of an artifact" if _has_pointer(file) else "a large file"
        yield Hit(
            f"{named(path)} is {what} in Git", expected="a .dvc pointer", remedy=remedy + _ADD
        )
    elif place is None and not path.startswith(f"{MODELS}/") and _is_large(file):
        yield Hit(
            f"{named(path)} is larger than 1 MiB",
            expected=f"at most {FILE_LIMIT:,} bytes",
            remedy=remedy + "; keep it elsewhere",
        )


def no_large_blob(file: FileView) -> Iterator[Hit]:
    """As ``no_payload``, for a file of a commit whose manifests nobody else looks at: these have a limit, too."""
    hits = list(no_payload(file))
    yield from hits
    if not hits and file.location is not None and len(file.source) > READ_LIMIT:
        yield Hit(
            f"{named(file.path)} is larger than {READ_LIMIT // 1024} kB",
            expected=f"at most {READ_LIMIT:,} bytes",
        )


RULES: tuple[Rule, ...] = (
    FileRule("F112", "no payload or large file is in Git", "refuse", no_payload),
)
