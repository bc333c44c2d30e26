"""``registry scan``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options_and,
)
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import build_format_option, open_for_reading
from registry_tool.cli.output.console import print_json, progress_bar, say
from registry_tool.errors import InvalidNameError, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.interface.types import JSON
    from registry_tool.api.scanning import Scan

__all__ = ["scan"]

_COLOURS = {"dangerous": "red", "unknown": "yellow", "unread": "yellow", "unsafe": "yellow"}


def _facts(facts: dict[str, JSON]) -> str:
    rest = [f"{key} {_plain(value)}" for key, value in facts.items() if key != "format"]
    return ", ".join([str(facts.get("format", "unknown")), *(word for word in rest if word)])


def _plain(value: JSON) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}:{inner}" for key, inner in value.items()) or "none"
    if isinstance(value, list):
        return "x".join(str(one) for one in value) or "none"
    return str(value)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _verdict(scans: Sequence[Scan]) -> str:
    return "fail" if any(found.verdict == "fail" for found in scans) else "pass"


def _print_words(*scans: Scan) -> None:
    files = [file for found in scans for file in found.files]
    for file in files:
        say(f"{file.path}  {_facts(file.facts)}")
        for finding in file.findings:
            inner = "" if finding.path == file.path else f"{finding.path}: "
            by = "" if finding.scanner == "registry-tool" else f"{finding.scanner}: "
            say(f"  {finding.level:<9}  {inner}{by}{finding.message}", fg=_COLOURS[finding.level])
    findings = sum(len(file.findings) for file in files)
    counted = [_count(len(files), "file"), _count(findings, "finding")]
    say(f"{_verdict(scans)}: {', '.join(counted)}")


def _data(*scans: Scan) -> dict[str, object]:
    return {
        "verdict": _verdict(scans),
        "files": [
            {
                "path": file.path,
                "facts": file.facts,
                "findings": [finding._asdict() for finding in file.findings],
            }
            for found in scans
            for file in found.files
        ],
    }


def _check_reference(subject: str) -> None:
    """See that a subject that is not a file is a reference.

    Raises:
        NotFoundError: It is neither.
    """
    from registry_tool.names import Reference

    try:
        Reference.parse(subject)
    except InvalidNameError as exc:
        raise NotFoundError(f"no such file: {subject}; it is not a reference either") from exc


def _note_skipped(name: str) -> None:
    say(f"note:  not scanned, tracked elsewhere: {name}", err=True)


def _scan_all(subjects: Sequence[str], repo: str) -> Iterator[Scan]:
    from registry_tool.api.scanning import scan_path

    alone = len(subjects) == 1
    for subject in subjects:
        place, label = Path(subject), "" if alone else subject
        if place.exists():
            with progress_bar() as progress:
                yield scan_path(place, label=label or None, progress=progress)
            continue
        _check_reference(subject)
        with open_for_reading(repo, None) as registry, progress_bar() as progress:
            yield registry.scan(subject, label=label, progress=progress, on_skipped=_note_skipped)


def _record(how: WriteArguments, reference: str, by: str | None) -> int:
    """Scan a version and record the result; the exit code."""

    def show(found: Scan) -> None:
        if how.form == "text":
            _print_words(found)

    with open_for_writing(how) as (registry, options):
        done = registry.scan_and_record(
            reference, by=by, on_scanned=show, on_skipped=_note_skipped, **options
        )
        more = {"scan": _data(done.scan)}
        code = print_publication(registry, how, done.publication, more)
    return code or int(done.scan.verdict == "fail")


@click.command()
@click.argument(
    "subjects",
    metavar="FILE|DIR|REF...",
    nargs=-1,
    required=True,
    shell_complete=complete_reference,
)
@click.option(
    "--evidence",
    is_flag=True,
    help="With one REF: record the result as evidence of kind scan.",
)
@click.option("--by", metavar="WHO", help="The author of the evidence. Default: your name in Git.")
@writing_options_and(build_format_option("text", "json", "sarif"))
def scan(*, subjects: tuple[str, ...], evidence: bool, by: str | None, how: WriteArguments) -> int:
    """Nothing is loaded: facts are read from headers, and pickles instruction by instruction.

    Headers of safetensors, GGUF, ONNX and NumPy files are read. Pickles are read instruction by instruction; names of code
    in configuration files are judged like those in pickles; archives are listed and scanned. Levels: dangerous: it does
    harm, or crashes a reader. unknown: loading it runs code that is not known to be harmless. unread: it cannot be
    scanned. unsafe: the format runs code when it is loaded. Exit code 1 for all but unsafe. docs/scanning.md describes each
    format.

    \b
    Examples:
      registry scan model.pkl
      registry scan ~/.cache/huggingface/hub/models--org--name/snapshots/COMMIT
      registry scan model.onnx exports/ nlp/lang-id@4 --format sarif
      registry scan nlp/lang-id@4 --evidence --commit
    """
    if evidence:
        if len(subjects) > 1 or how.form == "sarif":
            raise UsageError("--evidence takes one REF, and not --format sarif")
        _check_reference(subjects[0])
        return _record(how, subjects[0], by)
    if how.commit or how.branch or how.push or how.message or by:
        raise UsageError("without --evidence nothing is written", remedy="add --evidence")
    found = list(_scan_all(subjects, how.repo))
    if how.form == "text":
        _print_words(*found)
    elif how.form == "json":
        print_json(_data(*found))
    else:
        from registry_tool.api.scanning import as_sarif

        print_json(as_sarif(*found))
    if _verdict(found) == "fail":
        failed = [one for one, scan in zip(subjects, found, strict=True) if scan.verdict == "fail"]
        raise RefusedError(f"the scan of {', '.join(failed[:8])} did not pass")
    return 0
