"""``git log``, read as it comes: who needs the newest commit only does not pay for the oldest.

The only reader of its output. Each commit comes with the files that it changed against its first parent, as names and
object ids; no file is read, so a clone without blobs answers without its remote.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from registry_tool.errors import GitTrouble
from registry_tool.git.plumbing import Git
from registry_tool.git.tree import Entry

__all__ = ["LITERAL", "Step", "Touch", "log", "said", "split_at"]

# Paths come from the registry: a `*` or `:(glob)` in one means itself.
LITERAL: Final = {"GIT_LITERAL_PATHSPECS": "1"}
# A user's settings may hide first commits, follow renames, add signatures or make paths relative.
_SETTINGS: Final = (
    "-c",
    "log.showRoot=true",
    "-c",
    "log.follow=false",
    "-c",
    "diff.relative=false",
)
_HEADER: Final = "%x01%H%x00%P%x00%ct%x00%an <%ae>%x00%cn <%ce>%x00%s"
_CHUNK: Final = 1 << 16


class Step(NamedTuple):
    """One commit on a first-parent line.

    Attributes:
        commit: Its id.
        parents: The ids of its parents; the first is the step before. Empty for the first commit.
        when: The committer's time, in seconds since 1970 UTC. Told, never used for order.
        author: Who made it, as ``Name <email>``.
        committer: Who put it on the line, as ``Name <email>``.
        subject: The first paragraph of its message, as one line.
    """

    commit: str
    parents: tuple[str, ...]
    when: int
    author: str
    committer: str
    subject: str


class Touch(NamedTuple):
    """One file that a step changed against its first parent.

    Attributes:
        step: The commit.
        path: The file.
        before: What the first parent has there; None where it has no file.
        after: What the commit has there; None where it has no file.
    """

    step: Step
    path: str
    before: Entry | None
    after: Entry | None


def _text(field: bytes) -> str:
    return field.decode(errors="surrogateescape")


def split_at(end: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What a stream holds between its separators, as it comes."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(end)
        yield from whole
    if rest:
        yield rest


def _step(first: bytes, fields: Iterator[bytes]) -> Step:
    parents, when, author, committer, subject = (_text(next(fields)) for _ in range(5))
    return Step(
        commit=_text(first.removeprefix(b"\x01")),
        parents=tuple(parents.split()),
        when=int(when) if when.isdecimal() else 0,  # Git gives nothing for a date it cannot read
        author=author,
        committer=committer,
        subject=subject,
    )


def _entry(mode: str, oid: str) -> Entry | None:
    return None if int(mode, 8) == 0 else Entry(int(mode, 8), oid)


def _touch(step: Step, meta: bytes, path: bytes) -> Touch:
    old_mode, new_mode, old, new, _ = meta.decode().removeprefix(":").split(" ")
    return Touch(step, _text(path), _entry(old_mode, old), _entry(new_mode, new))


def _parsed(chunks: Iterator[bytes]) -> Iterator[tuple[Step, Touch | None]]:
    """Each step once without a touch, then with each of its touches."""
    fields = split_at(b"\0", chunks)
    step: Step | None = None
    for field in fields:
        if field.startswith(b"\x01"):
            step = _step(field, fields)
            yield step, None
        elif step is not None:  # a line feed parts a commit from what it changed
            yield step, _touch(step, field.removeprefix(b"\n"), next(fields))


def said(git: Git, arguments: Sequence[str]) -> Iterator[bytes]:
    """What a git command says, as it comes; the process ends when nobody reads on.

    Raises:
        GitTrouble: The command fails.
    """
    process = git.popen(*arguments, env=LITERAL)
    if process.stdin is None or process.stdout is None:
        raise GitTrouble("git has no pipes")
    process.stdin.close()
    try:
        while chunk := os.read(process.stdout.fileno(), _CHUNK):
            yield chunk
        if process.wait() != 0:
            git.run(*arguments, env=LITERAL)  # asked again, it says why
            raise GitTrouble(f"git went away while it read {git.place}")
    finally:
        process.terminate()
        process.stdout.close()
        process.wait()


def log(
    git: Git, revisions: Sequence[str], paths: Sequence[str], *options: str
) -> Iterator[tuple[Step, Touch | None]]:
    """Commits in the order of ``git log``: each one alone, then once with each file it changed.

    Args:
        git: The repository.
        revisions: Full ids of commits; ``^`` before one leaves out what it reaches.
        paths: Files or folders, as they are written; none for all.
        options: More of ``git log``; without ``--raw`` no files are told.

    Raises:
        GitTrouble: Git cannot read the history.
    """
    arguments = [
        *_SETTINGS, "log", "--no-renames", "--no-abbrev", "--no-show-signature", "--no-notes",
        "--no-color", "--encoding=UTF-8", "-O/dev/null", "--ignore-submodules=none", "-z", *options,
        f"--format={_HEADER}", "--end-of-options", *revisions, "--", *paths,
    ]  # fmt: skip
    return _parsed(said(git, arguments))
