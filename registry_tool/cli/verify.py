"""``registry verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.bundles import bundles_option, bundles_worth, public_key_option
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.console import print_json, progress_bar
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.trusting import read_signers, signers_option
from registry_tool.cli.verdict import Held, Verified, data, print_words, trouble
from registry_tool.errors import InvalidName, NotFound, UsageError

if TYPE_CHECKING:
    from registry_tool.artifacts.progress import Progress
    from registry_tool.bundled import Copy
    from registry_tool.manifests.data import Data
    from registry_tool.registry import Registry
    from registry_tool.views import Artifact, ModelVersion

__all__ = ["verify"]


def _is_known(registry: Registry, reference: str) -> bool:
    try:
        registry.resolve(reference, allow_withdrawn=True)
    except (InvalidName, NotFound):
        return False
    return True


def _by_path(folder: Path) -> str:
    """The version whose folder this is, in a checkout or where `fetch --locked` puts it: NAMESPACE/MODEL/VERSION."""
    *_, namespace, model, version = ("", "", "", *folder.resolve().parts)
    if model == "versions":
        *_, namespace, model, _, version = ("", "", *folder.resolve().parts)
    return f"{namespace}/{model}@{version}"


def _asked(registry: Registry, subject: str, reference: str | None) -> tuple[str, Path | None]:
    """The reference, and the folder whose bytes are looked at."""
    folder = Path(subject)
    if reference is not None:
        if not folder.is_dir():
            raise NotFound(f"there is no folder {subject}")
        return reference, folder
    if not folder.is_dir() or _is_known(registry, subject):
        return subject, None
    if _is_known(registry, found := _by_path(folder)):
        return found, folder
    raise UsageError(
        f"{subject} is a folder: which version should it hold?",
        remedy=f"registry verify {subject} --as REF",
    )


def _in_folder(artifact: Artifact, folder: Path) -> tuple[Path, Data]:
    """Where an artifact lies in a folder, and what it should be there: decrypted, if that is what lies there."""
    from registry_tool.artifacts.verifying import plain_entry
    from registry_tool.manifests.data import member, text

    encryption = member(artifact.entry, "encryption")
    plain = folder / text(encryption, "path")
    if encryption and plain.exists() and not (folder / artifact.path).exists():
        return plain, plain_entry(encryption)
    return folder / artifact.path, artifact.entry


def _compared(
    version: ModelVersion, names: tuple[str, ...], folder: Path | None, progress: Progress
) -> list[Held]:
    """The stored artifacts against bytes in a folder; without one, in the shared cache."""
    from registry_tool.artifacts.verifying import differences

    held = []
    for artifact in [version.artifact(name) for name in names] or version.artifacts():
        if artifact.uri:
            continue
        entry = artifact.entry
        if folder is None:
            place = artifact.fetch(progress=progress)
        else:
            place, entry = _in_folder(artifact, folder)
        held.append(Held(artifact, place, differences(entry, place, progress=progress)))
    return held


def _copies(held: list[Held]) -> list[Copy]:
    """What signatures are asked of."""
    from registry_tool.bundled import Copy

    def unasked(one: Held) -> str:
        if one.differences:
            return "its bytes are not those of the record"
        is_open = one.path.name != one.artifact.path
        return "its bytes lie decrypted, and are signed encrypted" if is_open else ""

    return [Copy(one.artifact.name, one.artifact.entry, one.path, unasked(one)) for one in held]


def _verified(
    registry: Registry,
    asked: str,
    held: list[Held],
    *,
    own: bytes | None,
    bytes_asked: bool,
    public_key: str | None,
    bundles: tuple[str, ...],
) -> Verified:
    """What the signatures are worth, and which of them are demanded."""
    from registry_tool.promotion.signatures import allowed_signers
    from registry_tool.trust import signatures

    view = registry.resolve(asked, allow_withdrawn=True).version
    of_record = signatures(registry.repository, view, signers=own)
    version = registry.version(asked, allow_withdrawn=True)
    if public_key is not None:
        of_artifacts = bundles_worth(view, _copies(held), public_key, bundles)
        told = {one.path for one in of_artifacts}
        rest = [one for one in of_record if one.path not in told]
        return Verified(version, rest, of_artifacts, held, own is not None, True)
    # A registry without allowed_signers expects no signatures; then the bytes alone decide, if they were asked for.
    known = bool(own if own is not None else allowed_signers(registry.catalog))
    return Verified(version, of_record, [], held, known or not bytes_asked, False)


@click.command()
@click.argument("subject", metavar="REF|DIR", shell_complete=complete_reference)
@click.option(
    "--as", "reference", metavar="REF",
    help="The version that DIR should hold. Default: what its path says, NAMESPACE/MODEL/VERSION.",
)  # fmt: skip
@click.option(
    "--artifact", "names", metavar="NAME", multiple=True,
    help="Look only at the bytes of this one; may be repeated.",
)  # fmt: skip
@click.option(
    "--bytes", "read_bytes", is_flag=True,
    help="Hash the bytes in the shared cache too; what is missing there is fetched.",
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
    """Say whether a version is signed by an allowed signer, and whether bytes are what its record says.

    With a folder every byte of each stored artifact in it is read and hashed. A signature is demanded where the
    registry has a file allowed_signers, or where no bytes are looked at. With --public-key bytes are read too, and that
    key must have signed each artifact; an allowed signer the record then only with --signers. Exit code 1: something
    does not hold.

    \b
    Examples:
      registry verify nlp/lang-id@production
      registry verify nlp/lang-id@4 --bytes --signers ~/.ssh/allowed_signers
      registry verify out --as nlp/lang-id@4
      registry verify models/nlp/lang-id/4      as fetch --locked -o models made it
      registry verify nlp/lang-id@4 --artifact model --public-key release.pub
    """
    own = read_signers(signers)
    if bundles and public_key is None:
        raise UsageError("--bundle is checked with a key", remedy="--public-key FILE")
    with open_for_reading(repo, ref) as registry, progress_bar() as progress:
        asked, folder = _asked(registry, subject, reference)
        bytes_asked = read_bytes or folder is not None
        version = registry.version(asked, allow_withdrawn=True)
        with_bytes = bytes_asked or public_key is not None
        held = _compared(version, names, folder, progress) if with_bytes else []
        verified = _verified(
            registry,
            asked,
            held,
            own=own,
            bytes_asked=bytes_asked,
            public_key=public_key,
            bundles=bundles,
        )
    against = trouble(verified)
    if form == "json":
        print_json(data(verified, good=against is None))
    else:
        print_words(verified)
    if against is not None:
        raise against
