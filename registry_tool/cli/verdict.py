"""What ``registry verify`` found, and what it says of that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.cli.console import say
from registry_tool.errors import EnvironmentTrouble, Refused

if TYPE_CHECKING:
    from registry_tool.promotion.endorsements import Endorsement
    from registry_tool.views import Artifact, ModelVersion

__all__ = ["Held", "Verified", "data", "print_words", "trouble"]

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


def _lacking(verified: Verified, name: str) -> Refused | EnvironmentTrouble | None:
    """What speaks against a version in the signatures of its artifacts."""
    if not verified.of_artifacts:
        return None
    if not verified.held:
        return Refused(f"{name} stores no artifacts that could be signed")
    lacking = ", ".join(verified.unsigned)
    if lacking and any(one.signature.state == "unchecked" for one in verified.bundles):
        return EnvironmentTrouble(
            f"whether that key signed {lacking} of {name} cannot be told here"
        )
    remedy = f"registry sign {name} --method model-signing --key FILE"
    return Refused(f"{name}: that key did not sign {lacking}", remedy=remedy) if lacking else None


def trouble(verified: Verified) -> Refused | EnvironmentTrouble | None:
    """What speaks against the version; None where nothing does."""
    name = f"{verified.version.model}@{verified.version.version}"
    wrong = [one.artifact.name for one in verified.held if one.differences]
    if wrong:
        return Refused(f"the bytes of {name} are not what its record says: {', '.join(wrong)}")
    if lacking := _lacking(verified, name):
        return lacking
    if verified.signed or not verified.of_record:
        return None
    if any(one.signature.state == "unchecked" for one in verified.signatures):
        remedy = "install the OpenSSH client, 8.2 or newer"
        return EnvironmentTrouble(f"the signatures of {name} cannot be checked here", remedy=remedy)
    return Refused(f"{name} has no signature by an allowed signer", remedy=f"registry sign {name}")
