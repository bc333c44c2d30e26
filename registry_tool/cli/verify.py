"""``registry verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from registry_tool.cli.bundles import bundles_option, bundles_worth, public_key_option
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.console import print_json, progress_bar, say
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.trusting import read_signers, signers_option
from registry_tool.errors import EnvironmentTrouble, InvalidName, NotFound, Refused, UsageError

if TYPE_CHECKING:
    from registry_tool.artifacts.progress import Progress
    from registry_tool.manifests.data import Data
    from registry_tool.promotion.endorsements import Endorsement
    from registry_tool.registry import Registry
    from registry_tool.views import Artifact, ModelVersion

__all__ = ["verify"]

_COLOURS = {"good": "green", "unchecked": "yellow", "other": "yellow"}


class _Held(NamedTuple):
    """One artifact's bytes, and what differs in them."""

    artifact: Artifact
    path: Path
    differences: list[str]


class _Verified(NamedTuple):
    """All that was looked at, and what is demanded.

    Attributes:
        version: The version.
        signatures: Of its record, and of its artifacts.
        held: The bytes.
        of_record: True where an allowed signer must have signed the record.
        of_artifacts: True where the holder of a key must have signed each artifact.
    """

    version: ModelVersion
    signatures: list[Endorsement]
    held: list[_Held]
    of_record: bool
    of_artifacts: bool

    @property
    def signed(self) -> bool:
        """True where an allowed signer signed the record."""
        return any(one.signature.state == "good" and not one.artifact for one in self.signatures)

    @property
    def unsigned(self) -> list[str]:
        """The artifacts that lack a signature they must have."""
        good = {one.artifact for one in self.signatures if one.signature.state == "good"}
        names = [one.artifact.name for one in self.held] if self.of_artifacts else []
        return [name for name in names if name not in good]


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
) -> list[_Held]:
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
        held.append(_Held(artifact, place, differences(entry, place, progress=progress)))
    return held


def _data(verified: _Verified, *, good: bool) -> dict[str, object]:
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
            for one in verified.signatures
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


def _print_words(verified: _Verified) -> None:
    for one in verified.signatures:
        found, words = one.signature, _words(one)
        state = "signed" if found.state == "good" else found.state
        say(f"{state:<10} {words}", fg=_COLOURS.get(found.state, "red"))
    if not verified.signatures:
        say(f"unsigned   {verified.version.model}@{verified.version.version}", fg="yellow")
    for held in verified.held:
        for words in held.differences:
            say(f"{'differs':<10} {held.path}: {words}", fg="red")
        if not held.differences:
            say(f"{'same':<10} {held.path}", fg="green")


def _lacking(verified: _Verified, name: str) -> Refused | EnvironmentTrouble | None:
    """What speaks against a version in the signatures of its artifacts."""
    if not verified.of_artifacts:
        return None
    if not verified.held:
        return Refused(f"{name} stores no artifacts that could be signed")
    lacking = ", ".join(verified.unsigned)
    if lacking and any(one.signature.state == "unchecked" for one in verified.signatures):
        return EnvironmentTrouble(f"whether that key signed {lacking} of {name} cannot be told here")
    remedy = f"registry sign {name} --method model-signing --key FILE"
    return Refused(f"{name}: that key did not sign {lacking}", remedy=remedy) if lacking else None


def _trouble(verified: _Verified) -> Refused | EnvironmentTrouble | None:
    """What speaks against the version; None where nothing does."""
    name = f"{verified.version.model}@{verified.version.version}"
    wrong = [one.artifact.name for one in verified.held if one.differences]
    if wrong:
        return Refused(f"the bytes of {name} are not what its record says: {', '.join(wrong)}")
    if lacking := _lacking(verified, name):
        return lacking
    if verified.signed or not verified.of_record:
        return None
    of_record = [one.signature.state for one in verified.signatures if not one.artifact]
    if "unchecked" in of_record:
        remedy = "install the OpenSSH client, 8.2 or newer"
        return EnvironmentTrouble(f"the signatures of {name} cannot be checked here", remedy=remedy)
    return Refused(f"{name} has no signature by an allowed signer", remedy=f"registry sign {name}")


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
    "--bytes",
    "read_bytes",
    is_flag=True,
    help="Hash the bytes in the shared cache too; what is missing there is fetched.",
)
@signers_option
@format_option
@repo_option
@ref_option
def verify(
    *, subject: str, reference: str | None, names: tuple[str, ...], read_bytes: bool,
    signers: str | None, form: str, repo: str, ref: str | None,
) -> None:  # fmt: skip
    """Say whether a version is signed by an allowed signer, and whether bytes are what its record says.

    With a folder every byte of each stored artifact in it is read and hashed. A signature is demanded where the
    registry has a file allowed_signers, or where no bytes are looked at. Exit code 1: something does not hold.

    \b
    Examples:
      registry verify nlp/lang-id@production
      registry verify nlp/lang-id@4 --bytes --signers ~/.ssh/allowed_signers
      registry verify out --as nlp/lang-id@4
      registry verify models/nlp/lang-id/4      as fetch --locked -o models made it
    """
    from registry_tool.promotion.signatures import allowed_signers
    from registry_tool.trust import signatures

    own = read_signers(signers)
    with open_for_reading(repo, ref) as registry, progress_bar() as progress:
        asked, folder = _asked(registry, subject, reference)
        bytes_asked = read_bytes or folder is not None
        view = registry.resolve(asked, allow_withdrawn=True).version
        version = registry.version(asked, allow_withdrawn=True)
        verified = _Verified(
            version,
            signatures(registry.repository, view, signers=own),
            bool(own if own is not None else allowed_signers(registry.catalog)),
            _compared(version, names, folder, progress) if bytes_asked else [],
        )
    trouble = _trouble(verified, bytes_asked=bytes_asked)
    if form == "json":
        print_json(_data(verified, good=trouble is None))
    else:
        _print_words(verified)
    if trouble is not None:
        raise trouble
