"""``registry encrypt``, ``rekey``, ``rewrap`` and ``decrypt``."""

from __future__ import annotations

from pathlib import Path

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_folder, complete_reference
from registry_tool.cli.encryption_options import build_holder, holder_options, new_passphrase_if
from registry_tool.cli.options import (
    check_signed,
    format_option,
    open_for_reading,
    ref_option,
    repo_option,
    signers_option,
)
from registry_tool.cli.output.console import print_json, progress_bar, say

__all__ = ["decrypt", "encrypt", "rekey", "rewrap"]


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("name", metavar="[VERSION]", required=False)
@click.option(
    "--to", metavar="WHO", multiple=True,
    help="A person or group of recipients.yaml who can decrypt it; may be repeated.",
)  # fmt: skip
@click.option(
    "--new-passphrase", is_flag=True,
    help="Encrypt it with a passphrase too, read from a prompt or REGISTRY_NEW_PASSPHRASE.",
)  # fmt: skip
@writing_options
def encrypt(
    *,
    reference: str,
    name: str | None,
    to: tuple[str, ...],
    new_passphrase: bool,
    how: WriteArguments,
) -> int:
    """The new version has the identity of the version that REF names, and says `same_as`.

    The old version does not change: withdraw and erase it if its unencrypted content must be deleted from the remote. To
    encrypt files when they are first added: registry version add --encrypt-to WHO.

    \b
    Examples:
      registry encrypt nlp/lang-id@4 --to speech --commit
      registry encrypt nlp/lang-id@4 5 --to ada@example.org --new-passphrase
    """
    from registry_tool.api.changes.encryption import EncryptTo

    recipients = EncryptTo(to, new_passphrase_if(wanted=new_passphrase))
    with open_for_writing(how) as (registry, options):
        done = registry.encrypt(reference, name, to=recipients, **options)
        return print_publication(registry, how, done)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("name", metavar="[VERSION]", required=False)
@click.option(
    "--to", metavar="WHO", multiple=True,
    help="Who can decrypt it; may be repeated. Default: the recipients of the old version.",
)  # fmt: skip
@click.option(
    "--new-passphrase", is_flag=True,
    help="Encrypt it with a new passphrase too, read from a prompt or REGISTRY_NEW_PASSPHRASE.",
)  # fmt: skip
@holder_options
@writing_options
def rekey(
    *, reference: str, name: str | None, to: tuple[str, ...], new_passphrase: bool,
    identities: tuple[str, ...], by_passphrase: bool, how: WriteArguments,
) -> int:  # fmt: skip
    """The new version has a new key, and its files are encrypted again.

    Use it to revoke access for a previous recipient: withdraw and erase the old version afterwards. Decrypted content
    stays in memory.

    \b
    Examples:
      registry rekey nlp/lang-id@4 --to speech --identity ~/.config/age/key.txt --commit
    """
    from registry_tool.api.changes.encryption import EncryptTo

    holder = build_holder(identities, by_passphrase=by_passphrase)
    recipients = EncryptTo(to, new_passphrase_if(wanted=new_passphrase))
    with open_for_writing(how) as (registry, options):
        done = registry.rekey(reference, name, holder=holder, to=recipients, **options)
        return print_publication(registry, how, done)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "-o", "--output", metavar="DIR", required=True, help="The folder for the decrypted files.",
    shell_complete=complete_folder,
)  # fmt: skip
@click.option(
    "--artifact",
    "names",
    metavar="NAME",
    multiple=True,
    help="Only this artifact; may be repeated.",
)
@click.option("--overwrite", is_flag=True, help="Replace files in DIR that differ.")
@click.option(
    "--require-signature", is_flag=True,
    help="Decrypt nothing unless an allowed signer signed the version.",
)  # fmt: skip
@signers_option
@holder_options
@format_option
@repo_option
@ref_option
def decrypt(
    *, reference: str, output: str, names: tuple[str, ...], overwrite: bool, require_signature: bool,
    signers: str | None, identities: tuple[str, ...], by_passphrase: bool, form: str, repo: str,
    ref: str | None,
) -> None:  # fmt: skip
    """Each file is verified before it gets its name, and only you can read it. A failed run leaves no files.

    \b
    Examples:
      registry decrypt nlp/lang-id@4 -o out --identity ~/.config/age/key.txt
      registry decrypt nlp/lang-id@production -o out --identity ~/.ssh/id_ed25519 --require-signature
      REGISTRY_PASSPHRASE=... registry decrypt nlp/lang-id@4 -o out --passphrase
    """
    holder = build_holder(identities, by_passphrase=by_passphrase)
    with open_for_reading(repo, ref) as registry, progress_bar() as progress:
        if require_signature or signers is not None:
            check_signed(registry, reference, signers)
        done = registry.decrypt(
            reference, Path(output), holder=holder, names=names, overwrite=overwrite, progress=progress
        )  # fmt: skip
    if form == "json":
        artifacts = [{"name": name, "path": str(place)} for name, place in done.artifacts]
        version = done.version
        print_json(
            {"model": str(version.model.name), "version": version.version, "artifacts": artifacts}
        )
        return
    for _, place in done.artifacts:
        say(str(place))


@click.command()
@click.argument("subject", metavar="REF|GROUP", shell_complete=complete_reference)
@click.option(
    "--to", metavar="WHO", multiple=True,
    help="The new recipients: people and groups of recipients.yaml. Default: the same as before.",
)  # fmt: skip
@click.option(
    "--new-passphrase", is_flag=True,
    help="Replace the passphrase with a new one, read from a prompt or REGISTRY_NEW_PASSPHRASE.",
)  # fmt: skip
@holder_options
@writing_options
def rewrap(
    *, subject: str, to: tuple[str, ...], new_passphrase: bool, identities: tuple[str, ...],
    by_passphrase: bool, how: WriteArguments,
) -> int:  # fmt: skip
    """Only the key file changes; the stored files do not.

    For the same recipients, the key is encrypted to their current public keys in recipients.yaml. A group that has no
    key yet gets one.

    \b
    Examples:
      registry rewrap speech --commit
      registry rewrap nlp/lang-id@4 --to speech --to ada@example.org --identity ~/.config/age/key.txt
      registry rewrap nlp/lang-id@4 --passphrase --new-passphrase
    """
    from registry_tool.api.changes.encryption import EncryptTo

    recipients = EncryptTo(to, new_passphrase_if(wanted=new_passphrase))
    holder = None
    if identities or by_passphrase:
        holder = build_holder(identities, by_passphrase=by_passphrase)
    with open_for_writing(how) as (registry, options):
        done = registry.rewrap(subject, holder=holder, to=recipients, **options)
        return print_publication(registry, how, done)
