"""``registry sign``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_file, complete_reference
from registry_tool.cli.writing import How, writing, writing_options
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.catalog.index import Catalog
    from registry_tool.edits.changeset import Act, ChangeSet
    from registry_tool.git.plumbing import Git

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


def _with_note(add: Act, armour: str, record: bytes, by: str) -> Act:
    """The act, with a word for a signer whom the registry does not know yet."""
    from registry_tool.promotion.signatures import allowed_signers
    from registry_tool.signing import keygen
    from registry_tool.signing.sshsig import parse

    def act(catalog: Catalog) -> ChangeSet:
        change = add(catalog)
        if keygen.principals(armour, record, allowed_signers(catalog)):
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


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "--key", metavar="FILE", shell_complete=complete_file,
    help="A private SSH key, or the public half of one that your agent has. Default: the key that Git signs with.",
)  # fmt: skip
@click.option("--by", metavar="WHO", help="Who signs. Default: your name in Git.")
@writing_options
def sign(*, reference: str, key: str | None, by: str | None, how: How) -> int:
    """Sign the record of the version that REF means.

    What is signed are the bytes of version.yaml, which carry the digest of every artifact. The signature becomes a file
    of evidence; ssh-keygen makes it, with a key from a file, from the agent or in hardware.

    \b
    Examples:
      registry sign nlp/lang-id@4 --key ~/.ssh/id_ed25519 --commit
      registry sign nlp/lang-id@production --branch sign-lang-id --push
    """
    from registry_tool.catalog.resolve import resolve
    from registry_tool.edits.signing import add_signature, record_of
    from registry_tool.names import Reference
    from registry_tool.signing import keygen

    asked = Reference.parse(reference)
    with writing(how) as desk:
        who = by or desk.author()
        if not who:
            raise UsageError("nobody signs: Git does not know who you are", remedy="--by WHO")
        version = resolve(desk.catalog, asked).version
        record = record_of(version)
        armour = keygen.sign(record, _key(key, desk.repository.git))
        # What an alias names may move meanwhile; what was signed is this version.
        exact = Reference(version.model.name, version.version)
        add = add_signature(exact, armour, by=who)
        return desk.finish(_with_note(add, armour, record, who))
