"""``registry version``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import (
    complete_file,
    complete_framework,
    complete_model,
    complete_reference,
)
from registry_tool.cli.encryption_options import build_encryption
from registry_tool.cli.options import Part
from registry_tool.cli.version_args import VersionOptions, parse_record, read_version_file

if TYPE_CHECKING:
    from registry_tool.api.interface.types import JSON

__all__ = ["version"]


@click.group(cls=Part)
def version() -> None:
    """A version never changes after it is published; `annotate` and `evidence` add to it."""


@version.command("add", short_help="Add a version to a model.")
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@click.argument("name", metavar="[VERSION]", required=False)
@click.option(
    "--artifact", metavar="[NAME=]SOURCE", multiple=True, shell_complete=complete_file,
    help="A file or folder to store; or - for standard input, a URL, registry:REF/ARTIFACT.",
)  # fmt: skip
@click.option(
    "--allow", type=click.Choice(["empty", "mislabelled"]), multiple=True,
    help="Accept an artifact that is one empty file, or whose content contradicts its name.",
)  # fmt: skip
@click.option("--role", metavar="NAME=ROLE", multiple=True, help="The role of an artifact.")
@click.option(
    "--track",
    metavar="[NAME=]URI",
    multiple=True,
    help="An artifact that is stored elsewhere; only its address is recorded.",
)
@click.option(
    "--copy",
    is_flag=True,
    help="Download and store the content of every URL instead of recording its address.",
)
@click.option(
    "--framework", metavar="TYPE[==VERSION]", help="The framework it was made with: onnx==1.17.",
    shell_complete=complete_framework,
)  # fmt: skip
@click.option(
    "--framework-field", metavar="KEY=JSON", multiple=True, help="A field of that framework."
)
@click.option("--python", metavar="V", help="The Python version that it runs on: 3.11.")
@click.option(
    "--pip", metavar="REQ", multiple=True, help="A package that it requires: numpy==2.1.0."
)
@click.option(
    "--requirements", metavar="FILE", help="A requirements file with such packages.",
    shell_complete=complete_file,
)  # fmt: skip
@click.option("--lock", metavar="NAME", help="The artifact that is the lock file.")
@click.option("--metric", metavar="KEY[@STEP]=VALUE", multiple=True, help="A measured value.")
@click.option("--param", metavar="KEY=JSON", multiple=True, help="An inference parameter.")
@click.option("--metadata", metavar="KEY=JSON", multiple=True, help="Free metadata.")
@click.option("--label", metavar="L", multiple=True, help="A label for searches.")
@click.option("--tag", metavar="T", multiple=True, help="An immutable second name.")
@click.option("--alias", metavar="A", multiple=True, help="An alias that will point to it.")
@click.option(
    "--title", metavar="TITLE", default="", help="The shown name, where it is not the version."
)
@click.option("--draft", is_flag=True, help="Add a draft, which can change until it is sealed.")
@click.option("--description", metavar="TEXT", help="The changes in this version.")
@click.option("--source", metavar="TYPE[:URI]", help="Its origin: git:https://example.org/t.")
@click.option(
    "--commit-id", metavar="SHA", help="The commit of the source; for huggingface the revision."
)
@click.option("--run-id", metavar="ID", help="The run of the source.")
@click.option("--step", type=click.IntRange(min=0), help="The training step of the source.")
@click.option("--code", metavar="REPO@SHA", help="The code it was trained with.")
@click.option("--dataset", metavar="URI", multiple=True, help="A dataset that it was trained on.")
@click.option(
    "--base-model",
    metavar="REF|URI",
    help="The model that it was fine-tuned from.",
    shell_complete=complete_reference,
)
@click.option("--external-id", metavar="X", help="Its identifier in another system.")
@click.option("--same-as", metavar="REF", help="The earlier version that has the same outputs.")
@click.option(
    "--file", metavar="FILE", help="Fields of version.yaml, YAML or JSON; options take precedence.",
    shell_complete=complete_file,
)  # fmt: skip
@click.option(
    "--encrypt-to",
    metavar="WHO",
    multiple=True,
    help="Encrypt the artifacts for people and groups of recipients.yaml.",
)
@click.option(
    "--encrypt-passphrase",
    is_flag=True,
    help="Encrypt them with a passphrase, read from a prompt or REGISTRY_NEW_PASSPHRASE.",
)
@writing_options
def add(
    *,
    model: str,
    name: str | None,
    title: str,
    draft: bool,
    how: WriteArguments,
    **options: Unpack[VersionOptions],
) -> int:
    """Add a version to a model. Without VERSION it gets the next number, if the scheme has one.

    A folder is one artifact. Files and folders with the same NAME are merged into one folder; their paths must differ.
    A URL is recorded and its content is not copied. An artifact of another version is reused without reading it. Nothing
    is uploaded before the change has passed its check, and objects that the remote has are not uploaded again: run an
    interrupted command again. The value of a metric is a number if it looks like one, else text; KEY@10 is the value at
    step 10. If a path contains `=`, write ./PATH.

    \b
    Examples:
      registry version add nlp/lang-id --artifact lid.176.ftz --framework fasttext --metric accuracy=0.97
      registry version add nlp/lang-id 5 --artifact model=out/ --artifact card=REPORT.pdf --tag v5-edge --commit
      registry version add nlp/lang-id --track s3://bucket/lid.bin --file fields.yaml --branch lang-id-5 --push
      registry version add nlp/lang-id --artifact model=weights/ --artifact model=config.json --commit
      registry version add nlp/lang-id --artifact package/ --framework custom --encrypt-to speech --commit
      registry version add nlp/lang-id --artifact https://example.org/lid.ftz --copy --commit
      registry version add nlp/lang-id --artifact registry:nlp/lang-id@4/model --metric accuracy=0.98 --commit
      registry version add nlp/lang-id --draft --alias candidate --commit
      make-model | registry version add nlp/lang-id --artifact lid.ftz=- --commit
    """  # fmt: skip
    from registry_tool.names import ModelName

    before: dict[str, JSON] = {}
    if options["file"] is not None:
        before, name = read_version_file(options["file"], ModelName.parse(model), name)
    record = parse_record(options, before, encrypt_to=build_encryption(options))
    record = replace(record, title=title)
    with open_for_writing(how) as (registry, write):
        done = registry.add_version(model, name, record, draft=draft, **write)
        return print_publication(registry, how, done)
