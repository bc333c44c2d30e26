"""``registry sign``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from registry_tool.cli.change import How, writing, writing_options
from registry_tool.cli.completion import complete_file, complete_folder, complete_reference
from registry_tool.cli.signing_options import Keeping, signing_of_artifacts
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import Catalog, VersionView
    from registry_tool.cli.change import ChangeSession
    from registry_tool.edits.changeset import ChangeSet, Edit
    from registry_tool.git.command import Git

__all__ = ["sign"]


def _key(given: str | None, git: Git) -> str:
    """The key to sign with: as given, else the one that Git signs commits with."""
    if given is not None:
        return given
    configured = git.config("user.signingKey") if git.config("gpg.format") == "ssh" else None
    if configured is None:
        raise UsageError(
            "there is no key to sign with",
            remedy="--key FILE, or let Git know it: git config gpg.format ssh && git config user.signingKey FILE",
        )
    # Git takes a public key itself too, in both forms.
    return f"key::{configured}" if configured.startswith("ssh-") else configured


def _with_note(add: Edit, armour: str, record: bytes, by: str) -> Edit:
    """The act, with a word for a signer whom the registry does not know yet."""
    from registry_tool.crypto import ssh_keygen
    from registry_tool.crypto.sshsig import parse
    from registry_tool.signing.signatures import allowed_signers

    def act(catalog: Catalog) -> ChangeSet:
        change = add(catalog)
        if ssh_keygen.principals(armour, record, allowed_signers(catalog)):
            return change
        import base64

        signature = parse(armour)
        public = f"{signature.key_type} {base64.b64encode(signature.key).decode()}"
        address = by.rpartition("<")[2].rstrip(">")
        note = (
            f"allowed_signers does not have this key, so the signature counts for nothing yet; its line would be:"
            f" {address} {public}"
        )
        return replace(change, notes=(*change.notes, note))

    return act


def _signing_of_record(desk: ChangeSession, version: VersionView, key: str | None, by: str) -> Edit:
    from registry_tool.crypto import ssh_keygen
    from registry_tool.edits.signatures import add_signature, record_of
    from registry_tool.names import Reference

    record = record_of(version)
    armour = ssh_keygen.sign(record, _key(key, desk.repository.git))
    # What an alias names may move meanwhile; what was signed is this version.
    exact = Reference(version.model.name, version.version)
    return _with_note(add_signature(exact, armour, by=by), armour, record, by)


def _check_of_record(**given: object) -> None:
    for name, value in given.items():
        if value:
            raise UsageError(
                f"--{name} is about an artifact's bytes, and ssh signs the record",
                remedy="--method model-signing",
            )


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "--method", type=click.Choice(["ssh", "model-signing"]), default="ssh", show_default=True,
    help="An SSH signature of the record, or a signature of artifacts' bytes by OpenSSF Model Signing.",
)  # fmt: skip
@click.option(
    "--key", metavar="FILE", shell_complete=complete_file,
    help="ssh: a private SSH key, or the public half of one that your agent has; the key that Git signs with by"
    " default. model-signing: a private key of the curve P-256, P-384 or P-521 in PEM form.",
)  # fmt: skip
@click.option(
    "--artifact", "names", metavar="NAME", multiple=True,
    help="model-signing: this one; may be repeated. Default: every stored one, encrypted ones as they are stored.",
)  # fmt: skip
@click.option(
    "--folder", metavar="DIR", shell_complete=complete_folder,
    help="model-signing: where `fetch -o` put the bytes; they are compared first. Default: the shared cache.",
)  # fmt: skip
@click.option(
    "--bundle", metavar="FILE", shell_complete=complete_file,
    help="model-signing: write the signature to FILE instead of into evidence, which holds that of some 60 files.",
)  # fmt: skip
@click.option("--uri", metavar="URI", help="With --bundle: record that readers find it there.")
@click.option("--by", metavar="WHO", help="Who signs. Default: your name in Git.")
@writing_options
def sign(
    *, reference: str, method: str, key: str | None, names: tuple[str, ...], folder: str | None,
    bundle: str | None, uri: str | None, by: str | None, how: How,
) -> int:  # fmt: skip
    """Sign the record of the version that REF means, or the bytes of its artifacts.

    With ssh the bytes of version.yaml are signed, which carry the digest of every artifact; ssh-keygen does it, with a
    key from a file, from the agent or in hardware. With model-signing every file of an artifact is, in a form that the
    command model_signing verifies without a registry. Either becomes a file of evidence.

    \b
    Examples:
      registry sign nlp/lang-id@4 --key ~/.ssh/id_ed25519 --commit
      registry sign nlp/lang-id@production --branch sign-lang-id --push
      registry sign nlp/lang-id@4 --method model-signing --key key.pem --artifact model --commit
    """
    from registry_tool.catalog.resolve import resolve
    from registry_tool.names import Reference

    if method == "ssh":
        _check_of_record(artifact=names, folder=folder, bundle=bundle, uri=uri)
    asked = Reference.for_change(reference)
    with writing(how) as desk:
        who = by or desk.author()
        if not who:
            raise UsageError("nobody signs: Git does not know who you are", remedy="--by WHO")
        version = resolve(desk.catalog, asked).version
        if method == "ssh":
            return desk.finish(_signing_of_record(desk, version, key, who))
        act = signing_of_artifacts(
            desk, version, key=key, names=names, folder=folder, keeping=Keeping(bundle, uri), by=who
        )
        return desk.finish(act)
