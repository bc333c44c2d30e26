"""``registry decrypt``."""

from __future__ import annotations

from pathlib import Path

import click

from registry_tool.cli.completion import complete_folder, complete_reference
from registry_tool.cli.console import print_json, progress_bar, say
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.secrets import holder_of, holder_options
from registry_tool.cli.trusting import check_signed, signers_option

__all__ = ["decrypt"]


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "-o", "--output", metavar="DIR", required=True, help="Where the plaintext goes.",
    shell_complete=complete_folder,
)  # fmt: skip
@click.option(
    "--artifact", "names", metavar="NAME", multiple=True, help="Only this one; may be repeated."
)
@click.option("--overwrite", is_flag=True, help="Replace what differs in DIR.")
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
    """Fetch the version that REF means, and decrypt it into a folder.

    The plaintext is verified before it gets a name; only you may read it. A run that fails or is killed leaves none.

    \b
    Examples:
      registry decrypt nlp/lang-id@4 -o out --identity ~/.config/age/key.txt
      registry decrypt nlp/lang-id@production -o out --identity ~/.ssh/id_ed25519 --require-signature
      REGISTRY_PASSPHRASE=... registry decrypt nlp/lang-id@4 -o out --passphrase
    """
    from registry_tool.vault import decrypt_version

    holder = holder_of(identities, by_passphrase=by_passphrase)
    with open_for_reading(repo, ref) as registry, progress_bar() as progress:
        if require_signature or signers is not None:
            check_signed(registry, reference, signers)
        version = registry.resolve(reference).version
        done = decrypt_version(
            version,
            lambda entry: registry.store.fetch(entry, progress=progress),
            holder,
            Path(output),
            names=names,
            overwrite=overwrite,
            progress=progress,
        )
    if form == "json":
        artifacts = [{"name": name, "path": str(place)} for name, place in done]
        print_json(
            {"model": str(version.model.name), "version": version.version, "artifacts": artifacts}
        )
        return
    for _, place in done:
        say(str(place))
