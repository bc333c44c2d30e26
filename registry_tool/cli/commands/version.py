"""``registry version``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from registry_tool.cli.change import How, writing, writing_options
from registry_tool.cli.completion import (
    complete_file,
    complete_framework,
    complete_model,
    complete_reference,
)
from registry_tool.cli.encryption_options import sealing_for
from registry_tool.cli.options import Part
from registry_tool.cli.version_args import Options, from_file, record
from registry_tool.errors import NotFoundError

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.edits.changeset import ChangeSet, Edit
    from registry_tool.edits.versions import VersionRecord
    from registry_tool.manifests.problems import JSON
    from registry_tool.names import ModelName

__all__ = ["version"]


@click.group(cls=Part)
def version() -> None:
    """Add a version."""


def _with_aliases(model: ModelName, add: Edit, aliases: tuple[str, ...]) -> Edit:
    """The act that adds the version and then points the aliases at it."""
    from registry_tool.edits.aliases import set_alias
    from registry_tool.edits.changeset import combined
    from registry_tool.names import Reference

    def act(catalog: Catalog) -> ChangeSet:
        change = add(catalog)
        manifest = next(path for path in change.puts if path.endswith("/version.yaml"))
        reference = Reference(model, manifest.split("/")[-2])
        acts = [lambda _: change, *(set_alias(reference, alias) for alias in aliases)]
        return combined(acts, change.message)(catalog)

    return act


def _check_model(model: ModelName, catalog: Catalog) -> None:
    """See that the model is there: without it, `model add` comes first."""
    from registry_tool.catalog.resolve import find_model

    try:
        find_model(catalog, model)
    except NotFoundError as exc:
        near = exc.remedy if exc.remedy.startswith("did you mean") else ""
        first = f"add the model first: registry model add {model} --task TASK --owner TEAM --description TEXT"
        raise NotFoundError(exc.message, remedy=f"{near} Or {first}" if near else first) from exc


@version.command("add", short_help="Add a version to a model.")
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@click.argument("name", metavar="[VERSION]", required=False)
@click.option(
    "--artifact", metavar="[NAME=]SOURCE", multiple=True, shell_complete=complete_file,
    help="A file or folder to store; or - for standard input, a URL, registry:REF/ARTIFACT.",
)  # fmt: skip
@click.option(
    "--allow", type=click.Choice(["empty", "mislabelled"]), multiple=True,
    help="Add an artifact although it is one empty file, or its content contradicts its name.",
)  # fmt: skip
@click.option("--role", metavar="NAME=ROLE", multiple=True, help="What an artifact is for.")
@click.option(
    "--track", metavar="[NAME=]URI", multiple=True, help="An artifact that stays where it is."
)
@click.option(
    "--copy", is_flag=True, help="Store the bytes of every URL instead of recording where they are."
)
@click.option(
    "--framework", metavar="TYPE[==VERSION]", help="What it was made with: onnx==1.17.",
    shell_complete=complete_framework,
)  # fmt: skip
@click.option(
    "--framework-field", metavar="KEY=JSON", multiple=True, help="A field of that framework."
)
@click.option("--python", metavar="V", help="The Python release it runs in: 3.11.")
@click.option("--pip", metavar="REQ", multiple=True, help="A package it needs: numpy==2.1.0.")
@click.option(
    "--requirements", metavar="FILE", help="A requirements file with such packages.",
    shell_complete=complete_file,
)  # fmt: skip
@click.option("--lock", metavar="NAME", help="The artifact that is the lock file.")
@click.option("--metric", metavar="KEY[@STEP]=VALUE", multiple=True, help="A measured value.")
@click.option("--param", metavar="KEY=JSON", multiple=True, help="A parameter of inference.")
@click.option("--metadata", metavar="KEY=JSON", multiple=True, help="Anything else.")
@click.option("--label", metavar="L", multiple=True, help="A word to find it by.")
@click.option("--tag", metavar="T", multiple=True, help="A fixed second name.")
@click.option("--alias", metavar="A", multiple=True, help="A movable name that is to point at it.")
@click.option("--description", metavar="TEXT", help="What is new.")
@click.option(
    "--source", metavar="TYPE[:URI]", help="Where it comes from: git:https://example.org/t."
)
@click.option(
    "--commit-id", metavar="SHA", help="The source's commit; for huggingface its revision."
)
@click.option("--run-id", metavar="ID", help="The source's run.")
@click.option("--step", type=click.IntRange(min=0), help="The source's training step.")
@click.option("--code", metavar="REPO@SHA", help="The code it was trained with.")
@click.option("--dataset", metavar="URI", multiple=True, help="Data it was trained on.")
@click.option(
    "--base-model",
    metavar="REF|URI",
    help="The model it was tuned from.",
    shell_complete=complete_reference,
)
@click.option("--external-id", metavar="X", help="Its identifier in another system.")
@click.option("--same-as", metavar="REF", help="The earlier version with the same outputs.")
@click.option(
    "--file", metavar="FILE", help="Fields of version.yaml, YAML or JSON; options win.",
    shell_complete=complete_file,
)  # fmt: skip
@click.option(
    "--encrypt-to",
    metavar="WHO",
    multiple=True,
    help="Store the artifacts encrypted, for people and groups of recipients.yaml.",
)
@click.option(
    "--encrypt-passphrase",
    is_flag=True,
    help="Store them encrypted, for whoever knows a passphrase; asked for, or from REGISTRY_NEW_PASSPHRASE.",
)
@writing_options
def add(*, model: str, name: str | None, how: How, **options: Unpack[Options]) -> int:
    """Add a version to a model; without VERSION the next one, where the scheme counts.

    A folder is one artifact; files and folders that are given one NAME are merged into one folder, and none may take
    the place of another. A URL is recorded, and its bytes stay where they are. What another version stores is taken
    over without reading it. Nothing is uploaded before the change has passed its check, and what the remote has is
    not sent again: an interrupted command is simply run again. A metric's value is a number where it looks like one,
    else text; KEY@10 is the value at step 10. Where a path holds `=`, write ./PATH.

    \b
    Examples:
      registry version add nlp/lang-id --artifact lid.176.ftz --framework fasttext --metric accuracy=0.97
      registry version add nlp/lang-id 5 --artifact model=out/ --artifact card=REPORT.pdf --tag v5-edge --commit
      registry version add nlp/lang-id --track s3://bucket/lid.bin --file fields.yaml --branch lang-id-5 --push
      registry version add nlp/lang-id --artifact model=weights/ --artifact model=config.json --commit
      registry version add nlp/lang-id --artifact package/ --framework custom --encrypt-to speech --commit
      registry version add nlp/lang-id --artifact https://example.org/lid.ftz --copy --commit
      registry version add nlp/lang-id --artifact registry:nlp/lang-id@4/model --metric accuracy=0.98 --commit
      make-model | registry version add nlp/lang-id --artifact lid.ftz=- --commit
    """  # fmt: skip
    from registry_tool.edits.versions import VersionRecord, add_version
    from registry_tool.names import ModelName

    full = ModelName.parse(model)
    before: dict[str, JSON] = {}
    if options["file"] is not None:
        before, name = from_file(options["file"], full, name)

    def act_of(said: VersionRecord) -> Edit:
        return _with_aliases(full, add_version(full, name, said), options["alias"])

    with writing(how) as desk:
        _check_model(full, desk.catalog)
        # What can be refused without the files is refused before they are read.
        act_of(VersionRecord(tags=options["tag"]))(desk.catalog)
        sealing = sealing_for(desk, options)
        return desk.finish(sealing(act_of(record(desk, options, before))))
