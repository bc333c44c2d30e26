"""``registry verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import (
    format_option,
    open_for_reading,
    read_signers,
    ref_option,
    repo_option,
    signers_option,
)
from registry_tool.cli.output.console import print_json, progress_bar, say
from registry_tool.cli.signing_options import bundles_option, public_key_option
from registry_tool.errors import InvalidNameError, NotFoundError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.api.signatures import Endorsement, Verification

__all__ = ["verify"]

_COLOURS = {"good": "green", "unchecked": "yellow", "other": "yellow"}


def _data(found: Verification, *, good: bool) -> dict[str, object]:
    return {
        "model": found.version.model,
        "version": found.version.version,
        "verified": good,
        "signatures": [
            {
                "path": one.path,
                "artifact": one.artifact or None,
                "state": one.signature.state,
                "signer": one.signature.signer or None,
                "key": one.signature.key or None,
                "why": one.why or None,
            }
            for one in (*found.signatures, *found.bundles)
        ],
        "artifacts": [
            {"name": one.artifact.name, "path": str(one.path), "differences": one.differences}
            for one in found.files
        ],
    }


def _describe(one: Endorsement) -> str:
    found = one.signature
    of = f"artifact {one.artifact}" if one.artifact else ""
    if found.state != "good":
        return f"{of}: {one.why}" if of else one.why
    return f"{of}, by the key {found.key}" if of else f"by {found.signer}, {found.key}"


def _print(found: Verification) -> None:
    for one in (*found.signatures, *found.bundles):
        state = "signed" if one.signature.state == "good" else one.signature.state
        say(f"{state:<10} {_describe(one)}", fg=_COLOURS.get(one.signature.state, "red"))
    if not found.signatures and not found.bundles:
        say(f"unsigned   {found.version.model}@{found.version.version}", fg="yellow")
    for files in found.files:
        for words in files.differences:
            say(f"{'differs':<10} {files.path}: {words}", fg="red")
        if not files.differences:
            say(f"{'same':<10} {files.path}", fg="green")


def _is_known(registry: Registry, reference: str) -> bool:
    try:
        registry.resolve(reference, allow_withdrawn=True)
    except (InvalidNameError, NotFoundError):
        return False
    return True


def _by_path(folder: Path) -> str:
    """The version that a folder's path names, in a checkout or as ``fetch --locked`` writes it: NAMESPACE/MODEL/VERSION."""
    *_, namespace, model, version = ("", "", "", *folder.resolve().parts)
    if model == "versions":
        *_, namespace, model, _, version = ("", "", *folder.resolve().parts)
    return f"{namespace}/{model}@{version}"


def _parse_subject(
    registry: Registry, subject: str, reference: str | None
) -> tuple[str, Path | None]:
    """The reference, and the folder whose files are read."""
    folder = Path(subject)
    if reference is not None:
        if not folder.is_dir():
            raise NotFoundError(f"no such folder: {subject}")
        return reference, folder
    if not folder.is_dir() or _is_known(registry, subject):
        return subject, None
    if _is_known(registry, found := _by_path(folder)):
        return found, folder
    raise UsageError(
        f"{subject} is a folder, and its path does not name a version",
        remedy=f"name the version: registry verify {subject} --as REF",
    )


@click.command()
@click.argument("subject", metavar="REF|DIR", shell_complete=complete_reference)
@click.option(
    "--as", "reference", metavar="REF",
    help="The version that DIR should contain. Default: from its path, NAMESPACE/MODEL/VERSION.",
)  # fmt: skip
@click.option(
    "--artifact", "names", metavar="NAME", multiple=True,
    help="Read only this artifact; may be repeated.",
)  # fmt: skip
@click.option(
    "--bytes", "read_bytes", is_flag=True,
    help="Hash the files in the shared cache too; missing ones are fetched.",
)  # fmt: skip
@signers_option
@public_key_option
@bundles_option
@format_option
@repo_option
@ref_option
def verify(
    *, subject: str, reference: str | None, names: tuple[str, ...], read_bytes: bool, signers: str | None,
    public_key: str | None, bundles: tuple[str, ...], form: str, repo: str, ref: str | None,
) -> None:  # fmt: skip
    """A version verifies if an allowed signer signed it, and if the files that are read match its record.

    With a folder, every stored artifact in it is hashed. A signature is required if the registry has a file
    allowed_signers, or if no files are read. With --public-key files are read too, and that key must have signed each
    artifact; a signature of the record is then required only with --signers. Exit code 1: the version does not verify.

    \b
    Examples:
      registry verify nlp/lang-id@production
      registry verify nlp/lang-id@4 --bytes --signers ~/.ssh/allowed_signers
      registry verify out --as nlp/lang-id@4
      registry verify models/nlp/lang-id/4      as written by fetch --locked -o models
      registry verify nlp/lang-id@4 --artifact model --public-key release.pub
    """
    own = read_signers(signers)
    with open_for_reading(repo, ref) as registry, progress_bar() as progress:
        named, folder = _parse_subject(registry, subject, reference)
        found = registry.verify(
            named, names=names, folder=folder, read_files=read_bytes, signers=own,
            public_key=public_key, bundles=bundles, progress=progress,
        )  # fmt: skip
    error = found.error()
    if form == "json":
        print_json(_data(found, good=error is None))
    else:
        _print(found)
    if error is not None:
        raise error
