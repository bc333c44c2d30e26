from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest
from support import put_object
from support.manifests import (
    MODEL_BYTES,
    alias_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    stored_artifact,
    tracked_artifact,
    version_files,
    waiver_yaml,
)

from registry_tool.artifacts.dvc_files import Listed, dir_md5, dir_object
from registry_tool.artifacts.remotes.base import Remote, object_path
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding, Report
from registry_tool.checks.remote import check_remote
from registry_tool.errors import NoRemoteError
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
SECOND = b"nlp/lang-id@2"
RECORD = "models/nlp/lang-id/versions/2/version.yaml"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    put_object(tmp_path, MODEL_BYTES)
    return LocalRemote(name="storage", folder=tmp_path / "storage")


def asked(remote: Remote, files: dict[str, str], *, base: dict[str, str] | None = None) -> Report:
    head = DictTree(files)
    before = None if base is None else DictTree(base)
    return check_remote(check(head, base=before), head, lambda: remote, base=before)


def of_rule(report: Report) -> list[Finding]:
    return [found for found in report.findings if found.rule == "A501"]


def test_missing_object_is_a_finding_with_name_size_and_remote(remote: Remote) -> None:
    report = asked(remote, small_registry())
    (found,) = report.findings
    assert (found.rule, found.severity, found.path) == ("A501", "refuse", RECORD)
    assert small_registry()[RECORD].splitlines()[found.line - 1].strip() == "- name: model"
    assert "artifact model, 13 bytes" in found.message
    assert "storage" in found.message
    assert report.verdict == "refuse"
    assert report.checked == check(DictTree(small_registry())).checked


def test_nothing_is_missing(remote: Remote, tmp_path: Path) -> None:
    put_object(tmp_path, SECOND)
    assert asked(remote, small_registry()).findings == ()


def test_only_changed_versions_are_asked_for(remote: Remote) -> None:
    files = small_registry()
    assert asked(remote, files, base=files).findings == ()
    new = files | version_files("3", artifacts=[stored_artifact(b"third")])
    assert [f.path for f in asked(remote, new, base=files).findings if f.rule == "A501"] == [
        "models/nlp/lang-id/versions/3/version.yaml"
    ]


def test_the_version_that_an_alias_is_pointed_at_is_asked_for(remote: Remote) -> None:
    files = small_registry()
    moved = files | {"models/nlp/lang-id/aliases/production.yaml": alias_yaml("2")}
    found = [f.path for f in asked(remote, moved, base=files).findings if f.rule == "A501"]
    assert found == [RECORD]


def test_paths_narrow(remote: Remote) -> None:
    head = DictTree(small_registry())
    start = Report("pass", (), 0)
    first, second = (
        check_remote(start, head, lambda: remote, paths=[f"models/nlp/lang-id/versions/{v}"])
        for v in "12"
    )
    assert (first.verdict, second.verdict) == ("pass", "refuse")


def test_erased_versions_are_passed_over(remote: Remote) -> None:
    folder = "models/nlp/lang-id/versions/2"
    files = small_registry() | {f"{folder}/status.yaml": status_yaml("erased")}
    assert [f for f in asked(remote, files).findings if f.rule == "A501"] == []


def test_severity_and_waivers_are_those_of_what_is_published(remote: Remote) -> None:
    files = small_registry()
    waiver = {"waivers/2026-11-21-a501-move.yaml": waiver_yaml("A501", "nlp/lang-id@2")}
    soft = {"registry.yaml": registry_yaml(rules={"A501": "review"})}

    def severity(published: dict[str, str], head: dict[str, str]) -> list[str]:
        before, after = DictTree(published), DictTree(head)
        start = Report("pass", (), 0, kind="version", automerge=True)
        report = check_remote(start, after, lambda: remote, published=before, now=NOW)
        assert not report.automerge
        return [f.severity for f in report.findings]

    assert severity(files, files | waiver | soft) == ["refuse"]
    assert severity(files | soft, files) == ["review"]
    assert severity(files | waiver, files) == ["warn"]


def test_every_file_of_a_folder_is_asked_for(remote: Remote) -> None:
    names = [stored_artifact(MODEL_BYTES), stored_artifact(b"gone")]
    files = [
        {k: a[k] for k in ("size", "sha256", "md5")} | {"path": f"f{n}"}
        for n, a in enumerate(names)
    ]
    listing = stored_artifact(b"listing", path="folder", nfiles=2, files=list(files))
    listing["md5"] = f"{listing['md5']}.dir"
    tree = small_registry() | version_files("2", artifacts=[listing])
    file, own = of_rule(asked(remote, tree))
    assert "artifact model, its list of files: missing from the remote storage" in own.message
    assert "artifact model, file f1, 4 bytes: missing from the remote storage" in file.message
    assert str(names[1]["md5"]) in file.found


def test_an_object_of_another_size_counts_as_missing(remote: Remote, tmp_path: Path) -> None:
    put_object(tmp_path, SECOND).write_bytes(SECOND[:-1])
    (found,) = asked(remote, small_registry()).findings
    assert found.found.startswith("12 bytes under md5")


def many(tmp_path: Path, *, count: int) -> tuple[dict[str, JSON], list[Path]]:
    """A folder whose files its manifest does not list, on the remote; its entry, and its files there."""
    contents = [b"file %d" % n for n in range(count)]
    places = [put_object(tmp_path, content) for content in contents]
    listed = [Listed(f"f{n:04}", hashlib.md5(c).hexdigest()) for n, c in enumerate(contents)]
    listing = dir_object(listed)
    put_object(tmp_path, listing).rename(tmp_path / "storage" / object_path(dir_md5(listing)))
    entry = stored_artifact(listing, path="folder", nfiles=count, md5=dir_md5(listing))
    return entry, [*places, tmp_path / "storage" / object_path(dir_md5(listing))]


def test_files_that_only_the_list_on_the_remote_names_are_asked_for(
    remote: Remote, tmp_path: Path
) -> None:
    entry, places = many(tmp_path, count=1001)
    tree = small_registry() | version_files("2", artifacts=[entry])
    assert of_rule(asked(remote, tree)) == []
    for place in places[:23]:
        place.unlink()
    findings = of_rule(asked(remote, tree))
    assert len(findings) == 21
    assert "3 more files" in findings[0].message
    assert "file f0000: missing from" in findings[1].message


def test_a_list_of_files_that_lies_is_a_finding(remote: Remote, tmp_path: Path) -> None:
    entry, places = many(tmp_path, count=1001)
    places[-1].write_bytes(b"[]")
    tree = small_registry() | version_files("2", artifacts=[entry])
    (found,) = of_rule(asked(remote, tree))
    assert found.found == "an object that is not the list of its files"


def test_severity_comes_from_the_base(remote: Remote) -> None:
    warned = small_registry() | {"registry.yaml": registry_yaml(rules={"A501": "warn"})}
    assert asked(remote, warned).verdict == "pass"
    softened = asked(remote, warned, base={"registry.yaml": registry_yaml()})
    assert softened.verdict == "refuse"
    off = small_registry() | {"registry.yaml": registry_yaml(rules={"A501": "off"})}
    assert asked(remote, off).findings == ()


def test_a_registry_without_stored_bytes_needs_no_remote() -> None:
    def none() -> Remote:
        raise NoRemoteError("no remote is configured")

    files = {
        path: text
        for path, text in small_registry().items()
        if "/versions/" not in path and "/aliases/" not in path and "/tags/" not in path
    }
    head = DictTree(files)
    assert check_remote(check(head), head, none).verdict == "pass"
    tracked = DictTree(files | version_files(artifacts=[tracked_artifact()]))
    with pytest.raises(NoRemoteError):
        check_remote(check(tracked), DictTree(small_registry()), none)
