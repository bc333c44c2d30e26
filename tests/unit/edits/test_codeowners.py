"""The lines that are written into CODEOWNERS, where they go, and what stays."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.manifests import namespace_yaml, registry_yaml, small_registry

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet
from registry_tool.edits.codeowners import Host, detect_host, write_codeowners
from registry_tool.errors import InvalidManifestError, InvalidNameError, RefusedError
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON

BEGIN = (
    "# >>> registry codeowners: written from registry.yaml and namespace.yaml;"
    " change those, then run it again"
)
END = "# <<< registry codeowners"
ADMINS = {"registry.yaml": registry_yaml(owners=["@acme/platform"])}
BLOCK = [
    BEGIN,
    "*                                        @acme/platform",
    "/models/nlp/                             @acme/speech",
    "/models/*/namespace.yaml                 @acme/platform",
    END,
]


def change(files: Mapping[str, str | bytes], host: Host | None = None) -> ChangeSet:
    return write_codeowners(host)(Catalog(DictTree({**small_registry(), **files})))


def written(files: Mapping[str, str | bytes], host: Host | None = None) -> list[str]:
    """The lines of the file as it is afterwards."""
    (source,) = change(files, host).puts.values()
    return source.decode().splitlines()


def test_owners_go_from_wide_to_narrow() -> None:
    two = {"models/vision/namespace.yaml": namespace_yaml(owners=["@acme/vision", "a@b.example"])}
    lines = written({**ADMINS, **two})
    assert lines == [
        *BLOCK[:3],
        "/models/vision/                          @acme/vision a@b.example",
        *BLOCK[3:],
    ]


def test_what_is_written_is_left_alone() -> None:
    source = "\n".join([*BLOCK, ""])
    done = change({**ADMINS, "CODEOWNERS": source})
    assert (done.puts, done.message) == ({}, "CODEOWNERS is already up to date")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", BLOCK),
        ("# about\n# it\n", ["# about", "# it", "", *BLOCK]),
        ("# about\n\n/x @me\n", ["# about", "", *BLOCK, "", "/x @me"]),
        ("/x @me", [*BLOCK, "/x @me"]),
        (f"/a @me\n{BEGIN}\nold\n{END}\n/b @me\n", ["/a @me", *BLOCK, "/b @me"]),
        (f"# >>> registry codeowners of old\n{END}", BLOCK),
    ],
)
def test_peoples_own_lines_stay_and_those_below_win(before: str, after: list[str]) -> None:
    assert written({**ADMINS, "CODEOWNERS": before}) == after


@pytest.mark.parametrize(
    "before", [f"{BEGIN}\n", f"{END}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"]
)
def test_broken_marks_are_not_guessed_at(before: str) -> None:
    with pytest.raises(RefusedError, match="mark") as caught:
        change({**ADMINS, "CODEOWNERS": before})
    assert caught.value.remedy


@pytest.mark.parametrize("source", [b"\xff\xfe", b"#" * 3_000_001])
def test_a_file_that_no_host_reads_is_refused(source: bytes) -> None:
    with pytest.raises(RefusedError):
        change({**ADMINS, "CODEOWNERS": source})


def test_without_owners_of_the_registry_its_policy_has_none_and_that_is_said() -> None:
    done = change({})
    assert done.puts["CODEOWNERS"].decode().splitlines() == [BLOCK[0], BLOCK[2], BLOCK[4]]
    assert done.notes == (
        "registry.yaml has no owners: changes to policy, waivers and CI need no approval",
    )


def test_what_a_host_cannot_read_is_left_out_and_said() -> None:
    owners: JSON = ["@acme/teams/speech", "@a.b", "@acme/speech"]
    files = {**ADMINS, "models/nlp/namespace.yaml": namespace_yaml(owners=owners)}
    assert written(files) == BLOCK
    assert change(files).notes == (
        "github cannot read the owner @acme/teams/speech of /models/nlp/: left out",
        "github cannot read the owner @a.b of /models/nlp/: left out",
    )
    gitlab = change(files, "gitlab")
    assert gitlab.notes == ()
    assert b" @acme/teams/speech @a.b @acme/speech\n" in gitlab.puts["CODEOWNERS"]


def test_a_namespace_without_readable_owners_falls_to_the_wider_line() -> None:
    files = {**ADMINS, "models/nlp/namespace.yaml": namespace_yaml(owners=["@a/b/c"])}
    assert written(files) == [*BLOCK[:2], *BLOCK[3:]]


@pytest.mark.parametrize(
    ("path", "host"),
    [
        (".github/CODEOWNERS", "github"),
        ("docs/CODEOWNERS", "github"),
        ("docs/CODEOWNERS", "gitlab"),
        (".gitlab/CODEOWNERS", "gitlab"),
    ],
)
def test_the_file_that_the_host_reads_is_written(path: str, host: Host) -> None:
    assert list(change({**ADMINS, path: "# mine\n"}, host).puts) == [path]


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("x", "github"),
        (".github/workflows/a.yml", "github"),
        (".gitlab-ci.yml", "gitlab"),
        (".gitlab/x", "gitlab"),
    ],
)
def test_the_host_is_told_from_its_settings(path: str, host: Host) -> None:
    assert detect_host(DictTree({path: ""})) == host


def test_owners_that_cannot_be_read_are_not_passed_over() -> None:
    for files in ({"registry.yaml": "a: b\n"}, {"models/nlp/namespace.yaml": "owners: me\n"}):
        with pytest.raises(InvalidManifestError):
            change({**ADMINS, **files})
    with pytest.raises(InvalidNameError):
        change({**ADMINS, "models/a b @me/namespace.yaml": namespace_yaml()})
