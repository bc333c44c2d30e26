"""``registry evidence``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from registry_tool.cli import parsing
from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_file, complete_reference
from registry_tool.cli.options import Part
from registry_tool.cli.parsing import read_fields
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.interface.types import JSON

__all__ = ["evidence"]

_KINDS = ("evaluation", "metrics", "approval", "scan", "signature", "note")


class _Options(TypedDict):
    file: str | None
    suite: str | None
    verdict: str | None
    metric: tuple[str, ...]
    dataset: str | None
    stage: str | None
    decision: str | None
    tool: str | None
    text: str | None


@click.group(cls=Part)
def evidence() -> None:
    """Evidence is added and never changed; it refers to the record of its version by digest."""


def _metrics(given: tuple[str, ...]) -> list[JSON]:
    from registry_tool.api.changes.editing import metric_entry

    found = [parsing.metric(text) for text in given]
    return [metric_entry(m.key, m.value, step=m.step) for m in found]


def _from_file(path: str | None, kind: str) -> dict[str, JSON]:
    if path is None:
        return {}
    fields = read_fields(path, "evidence/v1")
    if "subject" in fields:
        raise UsageError(
            f"--file: {parsing.format_text(path)} contains `subject`, which is computed",
            remedy="delete it",
        )
    for key, expected in {"schema": "evidence/v1", "kind": kind}.items():
        found = fields.pop(key, expected)
        if found != expected:
            raise UsageError(
                f"--file: {parsing.format_text(path)}: `{key}` is {parsing.format_text(str(found))}, not {parsing.format_text(str(expected))}"
            )
    return fields


def _fields(kind: str, options: _Options) -> dict[str, JSON]:
    """The fields of the evidence: those of the file, overridden by options."""
    fields = _from_file(options["file"], kind)
    for key in ("suite", "verdict", "stage", "decision", "tool", "text"):
        value = options[key]
        if value is not None:
            fields[key] = value
    if options["dataset"] is not None:
        fields["dataset"] = {"uri": options["dataset"]}
    if options["metric"]:
        before = fields.get("metrics")
        fields["metrics"] = [
            *(before if isinstance(before, list) else []),
            *_metrics(options["metric"]),
        ]
    return fields


def _take_text(fields: dict[str, JSON], key: str) -> str:
    """Take a field of the file that is a separate argument here."""
    value = fields.pop(key, "")
    if not isinstance(value, str):
        raise UsageError(f"--file: `{key}` is not text", remedy="put it in quotes")
    return value


@evidence.command("add")
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option("--kind", type=click.Choice(_KINDS), required=True, help="The kind of evidence.")
@click.option(
    "--file", metavar="FILE", help="Its fields, YAML or JSON; options take precedence.",
    shell_complete=complete_file,
)  # fmt: skip
@click.option(
    "--model", "about_model", is_flag=True,
    help="REF is a model, and the evidence is about the model itself: metrics, an evaluation or a note.",
)  # fmt: skip
@click.option("--suite", metavar="S", help="evaluation: the test suite.")
@click.option(
    "--verdict", type=click.Choice(["pass", "fail"]), help="evaluation, scan: the outcome."
)
@click.option(
    "--metric",
    metavar="KEY[@STEP]=VALUE",
    multiple=True,
    help="evaluation, metrics: a measured value.",
)
@click.option("--dataset", metavar="URI", help="evaluation: the data it was measured with.")
@click.option("--stage", metavar="S", help="approval: for which stage.")
@click.option("--decision", type=click.Choice(["approve", "reject"]), help="approval: yes or no.")
@click.option("--tool", metavar="T", help="scan: the program and its release.")
@click.option("--text", metavar="T", help="note: the note; other kinds: a remark.")
@click.option("--by", metavar="WHO", help="The author of the evidence. Default: your name in Git.")
@click.option(
    "--name", metavar="ID", default="", help="The file name. Default: date, kind and a digest."
)
@writing_options
def add(
    *,
    reference: str,
    kind: str,
    about_model: bool,
    by: str | None,
    name: str,
    how: WriteArguments,
    **options: Unpack[_Options],
) -> int:
    """Add a record of evidence to the version that REF names, or with --model to a model.

    \b
    Examples:
      registry evidence add nlp/lang-id@4 --kind evaluation --suite holdout-2026 --verdict pass --metric accuracy=0.97
      registry evidence add nlp/lang-id@4 --kind approval --stage production --decision approve --by @acme/speech
      registry evidence add nlp/lang-id@4 --kind scan --file scan.yaml --commit
      registry evidence add nlp/lang-id --model --kind metrics --metric requests_per_day=120000
    """  # fmt: skip
    fields = _fields(kind, options)
    author, at = _take_text(fields, "by"), _take_text(fields, "at")
    with open_for_writing(how) as (registry, write):
        add_to = registry.add_model_evidence if about_model else registry.add_evidence
        done = add_to(reference, kind, fields, by=by or author, at=at, name=name, **write)
        return print_publication(registry, how, done)
