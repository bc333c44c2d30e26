"""``registry lock``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_file, complete_reference
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import columns, print_json, say
from registry_tool.errors import NotFoundError, OperationalError, RefusedError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.catalog.lockfile import Pin

__all__ = ["lock", "read_pins"]

_SHORT = 12


def read_pins(path: str) -> list[Pin]:
    """The pins of a lock file.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It is no lock file.
        OperationalError: It cannot be read.
    """
    from registry_tool.catalog.lockfile import LOCK_LIMIT, read_lock

    try:
        with Path(path).open("rb") as file:
            source = file.read(LOCK_LIMIT + 1)
    except FileNotFoundError as exc:
        raise NotFoundError(
            f"there is no lock file {path}", remedy="write one: registry lock REF"
        ) from exc
    except OSError as exc:
        raise OperationalError(f"{path} cannot be read: {exc.strerror}") from exc
    if len(source) > LOCK_LIMIT:
        raise UsageError(f"{path} is larger than a lock file may be: {LOCK_LIMIT} bytes")
    return read_lock(source, path)


def _pinned(registry: Registry, reference: str) -> Pin:
    from registry_tool.catalog.lockfile import pin
    from registry_tool.cli.output.resolve import answering_commit

    found = registry.resolve(reference)
    for note in found.notes:
        say(f"note:  {note}", err=True)
    commit = answering_commit(registry, found)
    if commit is None:
        raise RefusedError(
            f"what {reference} means here is not committed, and nothing else can be found again",
            remedy="commit it, or lock what is committed with --ref HEAD",
        )
    return pin(found, commit)


def _write(path: str, data: bytes) -> None:
    from registry_tool.artifacts.filesystem import on_disk, remove, temporary_name

    place = Path(path)
    temporary = temporary_name(place.parent, place.name)
    with on_disk(f"{path} cannot be written"):
        try:
            temporary.write_bytes(data)
            temporary.replace(place)
        finally:
            remove(temporary)


def _row(pinned: Pin, before: dict[str, Pin]) -> tuple[str, str, str]:
    old = before.get(str(pinned.reference))
    version = pinned.version.selector
    if old is not None and old.version != pinned.version:
        version = f"{old.version.selector} -> {version}"
    return str(pinned.reference), version, pinned.commit[:_SHORT]


@click.command()
@click.argument("references", metavar="[REF]...", nargs=-1, shell_complete=complete_reference)
@click.option(
    "-o", "--output", metavar="FILE", default="registry.lock", show_default=True,
    help="The lock file to write.", shell_complete=complete_file,
)  # fmt: skip
@format_option
@repo_option
@ref_option
def lock(
    *, references: tuple[str, ...], output: str, form: str, repo: str, ref: str | None
) -> None:
    """Write down what references mean now: version, commit and digests.

    `registry fetch --locked` then brings exactly these bytes, whatever an alias names by then. Without REF the
    references that the file has are asked again.

    \b
    Examples:
      registry lock nlp/lang-id@production audio/vad@production
      registry lock
      registry fetch --locked -o models
    """
    from registry_tool.catalog.lockfile import render_lock

    known = {str(one.reference): one for one in read_pins(output)} if Path(output).exists() else {}
    asked = list(references) or list(known)
    if not asked:
        raise UsageError("which references?", remedy="registry lock NAMESPACE/MODEL@ALIAS ...")
    with open_for_reading(repo, ref) as registry:
        pins = {str(one.reference): one for one in (_pinned(registry, one) for one in asked)}
        data = render_lock(registry.name, pins.values())
    _write(output, data)
    if form == "json":
        print_json(
            {
                "file": output,
                "pins": [
                    {"reference": name, "version": str(one.version), "commit": one.commit, "record": one.record}
                    for name, one in sorted(pins.items())
                ],
            }
        )  # fmt: skip
        return
    for line in columns(_row(one, known) for _, one in sorted(pins.items())):
        say(line)
