"""``registry verify``.

What ``registry verify`` found, and what it says of that.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
from registry_tool.cli.signing_options import bundles_option, bundles_worth, public_key_option
from registry_tool.errors import (
    InvalidNameError,
    NotFoundError,
    OperationalError,
    RefusedError,
    UsageError,
)

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.api.views import Artifact, ModelVersion
    from registry_tool.artifacts.progress import Progress
    from registry_tool.manifests.data import Data
    from registry_tool.signing.bundles import Copy
    from registry_tool.signing.signatures import Endorsement

__all__ = [
    "Held",
    "Verified",
    "data",
    "print_words",
    "trouble",
    "verify",
]

_COLOURS = {"good": "green", "unchecked": "yellow", "other": "yellow"}


class Held(NamedTuple):
    """One artifact's bytes, and what differs in them."""

    artifact: Artifact
    path: Path
    differences: list[str]


class Verified(NamedTuple):
    """All that was looked at, and what is demanded.

    Attributes:
        version: The version.
        signatures: Of its record.
        bundles: Signatures of its artifacts, if they were looked at.
        held: The bytes.
        of_record: True where an allowed signer must have signed the record.
        of_artifacts: True where the holder of a key must have signed each artifact.
    """

    version: ModelVersion
    signatures: list[Endorsement]
    bundles: list[Endorsement]
    held: list[Held]
    of_record: bool
    of_artifacts: bool

    @property
    def signed(self) -> bool:
        """True where an allowed signer signed the record."""
        return any(one.signature.state == "good" for one in self.signatures)

    @property
    def unsigned(self) -> list[str]:
        """The artifacts that lack a signature they must have."""
        good = {one.artifact for one in self.bundles if one.signature.state == "good"}
        names = [one.artifact.name for one in self.held] if self.of_artifacts else []
        return [name for name in names if name not in good]


def data(verified: Verified, *, good: bool) -> dict[str, object]:
    """For programs."""
    version = verified.version
    return {
        "model": version.model,
        "version": version.version,
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
            for one in (*verified.signatures, *verified.bundles)
        ],
        "artifacts": [
            {"name": one.artifact.name, "path": str(one.path), "differences": one.differences}
            for one in verified.held
        ],
    }


def _words(one: Endorsement) -> str:
    found = one.signature
    of = f"artifact {one.artifact}" if one.artifact else ""
    if found.state != "good":
        return f"{of}: {one.why}" if of else one.why
    return f"{of}, by the key {found.key}" if of else f"by {found.signer}, {found.key}"


def print_words(verified: Verified) -> None:
    """For people."""
    for one in (*verified.signatures, *verified.bundles):
        found, words = one.signature, _words(one)
        state = "signed" if found.state == "good" else found.state
        say(f"{state:<10} {words}", fg=_COLOURS.get(found.state, "red"))
    if not verified.signatures and not verified.bundles:
        say(f"unsigned   {verified.version.model}@{verified.version.version}", fg="yellow")
    for held in verified.held:
        for words in held.differences:
            say(f"{'differs':<10} {held.path}: {words}", fg="red")
        if not held.differences:
            say(f"{'same':<10} {held.path}", fg="green")


def _lacking(verified: Verified, name: str) -> RefusedError | OperationalError | None:
    """What speaks against a version in the signatures of its artifacts."""
    if not verified.of_artifacts:
        return None
    if not verified.held:
        return RefusedError(f"{name} stores no artifacts that could be signed")
    lacking = ", ".join(verified.unsigned)
    if lacking and any(one.signature.state == "unchecked" for one in verified.bundles):
        return OperationalError(f"whether that key signed {lacking} of {name} cannot be told here")
    remedy = f"registry sign {name} --method model-signing --key FILE"
    return (
        RefusedError(f"{name}: that key did not sign {lacking}", remedy=remedy) if lacking else None
    )


def trouble(verified: Verified) -> RefusedError | OperationalError | None:
    """What speaks against the version; None where nothing does."""
    name = f"{verified.version.model}@{verified.version.version}"
    wrong = [one.artifact.name for one in verified.held if one.differences]
    if wrong:
        return RefusedError(f"the bytes of {name} are not what its record says: {', '.join(wrong)}")
    if lacking := _lacking(verified, name):
        return lacking
    if verified.signed or not verified.of_record:
        return None
    if any(one.signature.state == "unchecked" for one in verified.signatures):
        remedy = "install the OpenSSH client, 8.2 or newer"
        return OperationalError(f"the signatures of {name} cannot be checked here", remedy=remedy)
    return RefusedError(
        f"{name} has no signature by an allowed signer", remedy=f"registry sign {name}"
    )


def _is_known(registry: Registry, reference: str) -> bool:
    try:
        registry.resolve(reference, allow_withdrawn=True)
    except (InvalidNameError, NotFoundError):
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
            raise NotFoundError(f"there is no folder {subject}")
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
    from registry_tool.artifacts.verify import plain_entry
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
    from registry_tool.artifacts.verify import differences

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
    from registry_tool.signing.bundles import Copy

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
    from registry_tool.signing.signatures import allowed_signers, signatures

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
