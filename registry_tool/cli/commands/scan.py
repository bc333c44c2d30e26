"""``registry scan``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.change import How, writing, writing_options_and
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import format_of, open_for_reading
from registry_tool.cli.output.console import print_json, progress_bar, say
from registry_tool.errors import InvalidNameError, NotFoundError, RefusedError, UsageError
from registry_tool.installation import package_for

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.api.views import ModelVersion
    from registry_tool.edits.changeset import Edit
    from registry_tool.manifests.problems import JSON
    from registry_tool.names import Reference
    from registry_tool.scanning.report import Level, Scanned
    from registry_tool.scanning.scan import Scan

__all__ = ["scan"]

_COLOURS = {"dangerous": "red", "unknown": "yellow", "unread": "yellow", "unsafe": "yellow"}
_MOST = 1000


def _facts(facts: dict[str, JSON]) -> str:
    rest = [f"{key} {_plain(value)}" for key, value in facts.items() if key != "format"]
    return ", ".join([str(facts.get("format", "unknown")), *(word for word in rest if word)])


def _plain(value: JSON) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}:{inner}" for key, inner in value.items()) or "none"
    if isinstance(value, list):
        return "x".join(str(one) for one in value) or "none"
    return str(value)


def _counted(number: int, what: str) -> str:
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
    counted = [_counted(len(files), "file"), _counted(findings, "finding")]
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


def _sarif(*scans: Scan) -> JSON:
    from registry_tool._version import VERSION
    from registry_tool.scanning.sarif import scan_sarif

    found = [(one, one.level in scan.accepted) for scan in scans for one in scan.findings]
    return scan_sarif(found, VERSION)


def _as_reference(subject: str) -> Reference:
    """The reference that a subject is, where it is no file.

    Raises:
        NotFoundError: It is neither.
    """
    from registry_tool.names import Reference

    try:
        return Reference.parse(subject)
    except InvalidNameError as exc:
        raise NotFoundError(f"there is no file {subject}, and it is no reference") from exc


def _sealed(file: Scanned, version: ModelVersion) -> Scanned:
    """A file that its record says is encrypted must be."""
    from registry_tool.scanning.report import Finding

    sealed = {a.path for a in version.artifacts() if "encryption" in a.entry}
    if file.path not in sealed or file.facts.get("format") == "age":
        return file
    wrong = Finding("dangerous", file.path, "its record says that it is encrypted, and it is not")
    return file._replace(findings=(wrong, *file.findings))


def _of_version(version: ModelVersion, accepted: frozenset[Level], called: str = "") -> Scan:
    """The bytes of each stored artifact, fetched where they are not here."""
    from registry_tool.artifacts.dvc_files import walk
    from registry_tool.artifacts.progress import show_progress
    from registry_tool.scanning.plugins import installed_scanners
    from registry_tool.scanning.scan import Scan, scan_files

    files: list[tuple[str, Path]] = []
    with progress_bar() as progress:
        for artifact in version.artifacts():
            if artifact.uri:
                say(f"note:  not scanned, tracked elsewhere: {artifact.name}", err=True)
                continue
            place = artifact.fetch(progress=progress)
            if place.is_dir():
                files += [(f"{artifact.path}/{inner}", place / inner) for inner, _ in walk(place)]
            else:
                files.append((artifact.path, place))
        total = sum(place.stat().st_size for _, place in files)
        with show_progress(progress, total, "scan"), package_for("a scan of YAML"):
            found = scan_files(files, installed_scanners(), progress.advance)
    before = f"{called}/" if called else ""
    sealed = (_sealed(file, version) for file in found.files)
    return Scan(tuple(_under(file, before) for file in sealed), accepted)


def _under(file: Scanned, before: str) -> Scanned:
    """A file whose paths begin with what was asked for, where that is more than one thing."""
    findings = tuple(one._replace(path=f"{before}{one.path}") for one in file.findings)
    return file._replace(path=f"{before}{file.path}", findings=findings)


def _scanned(registry: Registry, reference: Reference, called: str = "") -> Scan:
    from registry_tool.artifacts.content_policy import accepted_by

    version = registry.version(reference, allow_withdrawn=True)
    return _of_version(version, accepted_by(registry.catalog.settings), called)


def _scan_all(subjects: Sequence[str], repo: str) -> Iterator[Scan]:
    """What was asked for, one after the other."""
    from registry_tool.artifacts.progress import show_progress
    from registry_tool.scanning.plugins import installed_scanners
    from registry_tool.scanning.scan import scan_path, size_below

    alone = len(subjects) == 1
    for subject in subjects:
        place, called = Path(subject), "" if alone else subject
        if not place.exists():
            reference = _as_reference(subject)
            with open_for_reading(repo, None) as registry:
                yield _scanned(registry, reference, called)
            continue
        with (
            progress_bar() as progress,
            show_progress(progress, size_below(place), subject),
            package_for("a scan of YAML"),
        ):
            found = scan_path(place, installed_scanners(), progress.advance, called or None)
        yield found


def _evidence(reference: Reference, found: Scan, *, by: str) -> Edit:
    """One record for each scanner: a gate may ask for one of them."""
    from registry_tool._version import VERSION
    from registry_tool.edits.annotations import add_evidence
    from registry_tool.edits.changeset import combined
    from registry_tool.scanning.plugins import installed_scanners
    from registry_tool.scanning.report import OWN, verdict_of

    others = ((one.name, one.version) for one in installed_scanners())
    acts = []
    for name, version in [(OWN, VERSION), *others]:
        findings = found.of(name)
        verdict = verdict_of(findings, found.accepted)
        fields: dict[str, JSON] = {"tool": f"{name} {version}".strip(), "verdict": verdict}
        if findings:
            fields["findings"] = [str(finding) for finding in findings[:_MOST]]
        acts.append(add_evidence(reference, "scan", fields, by=by))
    if len(acts) == 1:
        return acts[0]
    return combined(acts, f"Add what {len(acts)} scanners found in {reference}")


def _add_evidence(how: How, asked: Reference, by: str | None) -> int:
    """Scan a version, and write down what was found; the exit code."""
    from registry_tool.api.registry import Registry
    from registry_tool.names import Reference

    with writing(how) as desk:
        who = by or desk.author()
        if not who:
            raise UsageError("nobody scans: Git does not know who you are", remedy="--by WHO")
        state = Registry(desk.repository, ref="", tree=desk.catalog.tree, commit=None)
        resolved = state.resolve(asked).version
        exact = Reference(resolved.model.name, resolved.version)
        found = _scanned(state, exact)
        if how.form == "text":
            _print_words(found)
        done = desk.finish(_evidence(exact, found, by=who), more={"scan": _data(found)})
    return done or int(found.verdict == "fail")


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
    help="With one REF: write down what was found, as evidence of kind scan.",
)
@click.option(
    "--by", metavar="WHO", help="Who says so, with --evidence. Default: your name in Git."
)
@writing_options_and(format_of("text", "json", "sarif"))
def scan(*, subjects: tuple[str, ...], evidence: bool, by: str | None, how: How) -> int:
    """Say what is in files, folders and versions, and what they could do, without ever loading them.

    Headers are read for facts: safetensors, GGUF, ONNX, NumPy. Pickles are walked instruction by instruction; names of
    code in configurations are judged as those in pickles are; archives are listed and looked into. dangerous: it does
    harm, or breaks a reader. unknown: loading it runs code that is not known to be harmless. unread: a scan cannot look.
    unsafe: the format runs code when it is loaded. Exit code 1 for all but unsafe. docs/scanning.md has each format.

    \b
    Examples:
      registry scan model.pkl
      registry scan ~/.cache/huggingface/hub/models--org--name/snapshots/COMMIT
      registry scan model.onnx exports/ nlp/lang-id@4 --format sarif
      registry scan nlp/lang-id@4 --evidence --commit
    """
    if evidence:
        from registry_tool.names import Reference

        if len(subjects) > 1 or how.form == "sarif":
            raise UsageError("--evidence takes one REF, and no --format sarif")
        _as_reference(subjects[0])
        return _add_evidence(how, Reference.for_change(subjects[0]), by)
    if how.commit or how.branch or how.push or how.message or by:
        raise UsageError("without --evidence nothing is written", remedy="add --evidence")
    found = list(_scan_all(subjects, how.repo))
    if how.form == "text":
        _print_words(*found)
    else:
        print_json(_data(*found) if how.form == "json" else _sarif(*found))
    if _verdict(found) == "fail":
        failed = [one for one, scan in zip(subjects, found, strict=True) if scan.verdict == "fail"]
        raise RefusedError(f"the scan of {', '.join(failed[:8])} did not pass")
    return 0
