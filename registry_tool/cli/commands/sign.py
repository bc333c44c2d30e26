"""``registry sign``."""

from __future__ import annotations

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_file, complete_folder, complete_reference
from registry_tool.cli.encryption_options import key_passphrase
from registry_tool.errors import UsageError

__all__ = ["sign"]


def _check_method(**given: object) -> None:
    for name, value in given.items():
        if value:
            raise UsageError(
                f"--{name} applies to the content of artifacts, and --method ssh signs the record",
                remedy="--method model-signing",
            )


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "--method", type=click.Choice(["ssh", "model-signing"]), default="ssh", show_default=True,
    help="An SSH signature of the record, or a signature of artifacts by OpenSSF Model Signing.",
)  # fmt: skip
@click.option(
    "--key", metavar="FILE", shell_complete=complete_file,
    help="ssh: a private SSH key, or the public half of one in your agent; default: the key that Git signs with."
    " model-signing: a private key of the curve P-256, P-384 or P-521 in PEM form.",
)  # fmt: skip
@click.option(
    "--artifact", "names", metavar="NAME", multiple=True,
    help="model-signing: only this artifact; may be repeated. Default: all stored ones, encrypted ones as stored.",
)  # fmt: skip
@click.option(
    "--folder", metavar="DIR", shell_complete=complete_folder,
    help="model-signing: the folder that `fetch -o` wrote; it is compared first. Default: the shared cache.",
)  # fmt: skip
@click.option(
    "--bundle", metavar="FILE", shell_complete=complete_file,
    help="model-signing: write the signature to FILE instead of evidence, which has room for about 60 files.",
)  # fmt: skip
@click.option("--uri", metavar="URI", help="With --bundle: record that readers find it at URI.")
@click.option("--by", metavar="WHO", help="The signer. Default: your name in Git.")
@writing_options
def sign(
    *, reference: str, method: str, key: str | None, names: tuple[str, ...], folder: str | None,
    bundle: str | None, uri: str | None, by: str | None, how: WriteArguments,
) -> int:  # fmt: skip
    """With --method ssh the record of the version is signed, with --method model-signing the content of its artifacts.

    The record, version.yaml, contains the digest of every artifact. ssh-keygen signs it with a key from a file, from the
    agent or in hardware. A model-signing signature covers every file of an artifact, and the command model_signing
    verifies it without a registry. Either is stored as evidence.

    \b
    Examples:
      registry sign nlp/lang-id@4 --key ~/.ssh/id_ed25519 --commit
      registry sign nlp/lang-id@production --branch sign-lang-id --push
      registry sign nlp/lang-id@4 --method model-signing --key key.pem --artifact model --commit
    """
    if method == "ssh":
        _check_method(artifact=names, folder=folder, bundle=bundle, uri=uri)
    with open_for_writing(how) as (registry, options):
        if method == "ssh":
            done = registry.sign(reference, key=key, by=by, **options)
        else:
            from registry_tool.api.signatures import BundleOutput

            done = registry.sign_artifacts(
                reference, key=key, passphrase=key_passphrase, names=names, folder=folder,
                output=BundleOutput(bundle, uri), by=by, **options,
            )  # fmt: skip
        return print_publication(registry, how, done)
