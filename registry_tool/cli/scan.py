"""``registry scan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.console import print_json, progress_bar, say
from registry_tool.cli.options import open_for_reading
from registry_tool.cli.writing import How, writing, writing_options
from registry_tool.errors import InvalidName, NotFound, Refused, UsageError

if TYPE_CHECKING:
    from registry_tool.edits.changeset import Act
    from registry_tool.manifests.problems import JSON
    from registry_tool.names import Reference
    from registry_tool.registry import Registry
    from registry_tool.scanning.report import Level, Scanned
    from registry_tool.scanning.scan import Scan
    from registry_tool.views import ModelVersion

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


def _print_words(found: Scan) -> None:
    for file in found.files:
        say(f"{file.path}  {_facts(file.facts)}")
        for finding in file.findings:
            inner = "" if finding.path == file.path else f"{finding.path}: "
            by = "" if finding.scanner == "registry-tool" else f"{finding.scanner}: "
            say(f"  {finding.level:<9}  {inner}{by}{finding.message}", fg=_COLOURS[finding.level])
    counted = [_counted(len(found.files), "file"), _counted(len(found.findings), "finding")]
    say(f"{found.verdict}: {', '.join(counted)}")


def _data(found: Scan) -> dict[str, object]:
    return {
        "verdict": found.verdict,
        "files": [
            {
                "path": file.path,
                "facts": file.facts,
                "findings": [finding._asdict() for finding in file.findings],
            }
            for file in found.files
        ],
    }


def _as_reference(subject: str) -> Reference:
    """The reference that a subject is, where it is no file.

    Raises:
        NotFound: It is neither.
    """
    from registry_tool.names import Reference

    try:
        return Reference.parse(subject)
    except InvalidName as exc:
        raise NotFound(f"there is no file {subject}, and it is no reference") from exc


def _sealed(file: Scanned, version: ModelVersion) -> Scanned:
    """A file that its record says is encrypted must be."""
    from registry_tool.scanning.report import Finding

    sealed = {a.path for a in version.artifacts() if "encryption" in a.entry}
    if file.path not in sealed or file.facts.get("format") == "age":
        return file
    wrong = Finding("dangerous", file.path, "its record says that it is encrypted, and it is not")
    return file._replace(findings=(wrong, *file.findings))


def _of_version(version: ModelVersion, accepted: frozenset[Level]) -> Scan:
    """The bytes of each stored artifact, fetched where they are not here."""
    from registry_tool.artifacts.folders import walk
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
    found = scan_files(files, installed_scanners()) if files else Scan(())
    return Scan(tuple(_sealed(file, version) for file in found.files), accepted)


def _scanned(registry: Registry, reference: Reference) -> Scan:
    from registry_tool.content import accepted_by

    version = registry.version(reference, allow_withdrawn=True)
    return _of_version(version, accepted_by(registry.catalog.settings))


def _evidence(reference: Reference, found: Scan, *, by: str) -> Act:
    """One record for each scanner: a gate may ask for one of them."""
    from registry_tool.edits.changeset import combined
    from registry_tool.edits.notes import add_evidence
    from registry_tool.scanning.plugins import installed_scanners
    from registry_tool.scanning.report import OWN, verdict_of
    from registry_tool.version import VERSION

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
    from registry_tool.names import Reference
    from registry_tool.registry import Registry

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
@click.argument("subject", metavar="FILE|DIR|REF", shell_complete=complete_reference)
@click.option(
    "--evidence",
    is_flag=True,
    help="With REF: write down what was found, as evidence of kind scan.",
)
@click.option(
    "--by", metavar="WHO", help="Who says so, with --evidence. Default: your name in Git."
)
@writing_options
def scan(*, subject: str, evidence: bool, by: str | None, how: How) -> int:
    """Say what is in a file, a folder or a version, and what it could do, without ever loading it.

    Headers are read for facts: safetensors, GGUF, ONNX, NumPy. Pickles are walked instruction by instruction; archives
    are listed and looked into. dangerous: it does harm, or breaks a reader. unknown: loading it runs code that is not
    known to be harmless. unread: a scan cannot look. unsafe: the format runs code when it is loaded. Exit code 1 for
    all but unsafe.

    \b
    Examples:
      registry scan model.pkl
      registry scan nlp/lang-id@4 --format json
      registry scan nlp/lang-id@4 --evidence --commit
    """
    from registry_tool.scanning.plugins import installed_scanners
    from registry_tool.scanning.scan import scan_path

    if evidence:
        from registry_tool.names import Reference

        _as_reference(subject)
        return _add_evidence(how, Reference.for_change(subject), by)
    if how.commit or how.branch or how.push or how.message or by:
        raise UsageError("without --evidence nothing is written", remedy="add --evidence")
    if Path(subject).exists():
        found = scan_path(Path(subject), installed_scanners())
    else:
        reference = _as_reference(subject)
        with open_for_reading(how.repo, None) as registry:
            found = _scanned(registry, reference)
    if how.form == "json":
        print_json(_data(found))
    else:
        _print_words(found)
    if found.verdict == "fail":
        raise Refused(f"the scan of {subject} did not pass")
    return 0
