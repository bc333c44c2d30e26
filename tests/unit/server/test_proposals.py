"""What authors have proposed: who sees it, after what others did to the branches, and after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest
from support import commit, git, run_program, write_files
from support.manifests import alias_yaml
from support.served_registries import LOCAL, wait_until
from support.written_trains import (
    ADA,
    BOB,
    MODEL,
    alias_request,
    bare_registry,
    version_request,
)

from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.live.ids import BRANCH_START
from registry_tool.live.records import VersionRecord
from registry_tool.manifests.problems import JSON
from registry_tool.server.service import Service, ServiceOptions, open_service
from registry_tool.server.state_files import StateFiles
from registry_tool.server.views import GivenIds, SubjectView

BRANCH: Final = "serve/ada@example.org"
ADAS: Final = Subject(ADA.name, ADA.email, grants=parse_grants(["write"]))
BOBS: Final = Subject(BOB.name, BOB.email, grants=parse_grants(["write"]))
POLICY: Final = {"serve.yaml": "schema: serve/v1\nwrite: branch\n"}
PROPOSED: Final = "models/nlp/lang-id/versions/3/version.yaml"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path, POLICY)


def _write(service: Service, *numbers: int) -> None:
    for number in numbers:
        assert asyncio.run(service.write(version_request(number))).proposed


def _versions(view: SubjectView) -> list[str]:
    model = view.snapshot.models[MODEL]
    return [one.version for one in view.snapshot.versions(model)]


def _version(view: SubjectView, name: str) -> VersionRecord:
    found = view.snapshot.version(MODEL, name)
    assert found is not None
    return found


def _work(tmp_path: Path, bare: Path) -> Path:
    folder = tmp_path / "work"
    if not folder.exists():
        git(tmp_path, "clone", "--quiet", str(bare), "work")
    git(folder, "fetch", "--quiet", "--prune", "origin")
    git(folder, "checkout", "--quiet", "-B", "main", "origin/main")
    return folder


def _merge(tmp_path: Path, bare: Path, how: str, branch: str = BRANCH) -> None:
    """Merge a branch as a person does: by a merge commit, squashed or rebased."""
    work = _work(tmp_path, bare)
    if how == "rebase":
        write_files(work, {"README.md": "meanwhile\n"})
        commit(work, "Meanwhile")
        git(work, "switch", "--quiet", "-C", "rebased", f"origin/{branch}")
        git(work, "rebase", "--quiet", "main")
        git(work, "push", "--quiet", "origin", "HEAD:main")
        return
    git(work, "merge", "--quiet", f"--{how}", f"origin/{branch}", "-m", "Merge")
    if how == "squash":
        git(work, "commit", "--quiet", "-m", "Squash")
    git(work, "push", "--quiet", "origin", "HEAD:main")


def _push(tmp_path: Path, bare: Path, files: dict[str, str]) -> None:
    work = _work(tmp_path, bare)
    write_files(work, files)
    commit(work, "By hand")
    git(work, "push", "--quiet", "origin", "HEAD:main")


def _status(service: Service) -> list[dict[str, JSON]]:
    found = service.describe(LOCAL)["proposals"]
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, dict)]


def test_only_the_author_sees_what_is_proposed(bare: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1, 2)
        own = service.view_for(ADAS)
        assert _versions(own) == ["1", "2", "3", "4"]
        third, fourth = _version(own, "3"), _version(own, "4")
        assert BRANCH_START <= third.id < fourth.id == third.id + 1
        assert own.branch(third) == BRANCH
        assert own.branch(_version(own, "1")) == ""
        other = service.view_for(BOBS)
        assert other.snapshot is service.snapshot
        assert other.mark != own.mark
        assert _status(service) == [
            {"branch": BRANCH, "commit": git(bare, "rev-parse", BRANCH), "files": 2}
        ]


@pytest.mark.parametrize("how", ["no-ff", "squash", "rebase"])
def test_a_merge_of_any_kind_publishes(bare: Path, tmp_path: Path, how: str) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1, 2)
        before = _version(service.view_for(ADAS), "3").id
        artifact = service.view_for(ADAS).snapshot.artifacts(_version(service.view_for(ADAS), "3"))[
            0
        ]
        _merge(tmp_path, bare, how)
        wait_until(
            lambda: service.snapshot.version(MODEL, "4") is not None and not _status(service)
        )
        view = service.view_for(ADAS)
        assert view.snapshot is service.snapshot
        third = _version(view, "3")
        assert third.id < BRANCH_START
        assert service.find_published(ADAS, before, view.snapshot) == third.id
        now = service.find_published(ADAS, artifact.id, view.snapshot, is_artifact=True)
        assert now == view.snapshot.artifacts(third)[0].id
        assert service.find_published(BOBS, before, view.snapshot) == 0
        # The next proposal begins anew, and gives no id again.
        _write(service, 3)
        fifth = _version(service.view_for(ADAS), "5")
        assert fifth.id > before + 1
        assert git(bare, "rev-parse", f"{BRANCH}^") == git(bare, "rev-parse", "main")


def test_a_part_that_is_merged_leaves_the_rest(bare: Path, tmp_path: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1, 2)
        third, fourth = (_version(service.view_for(ADAS), name).id for name in ("3", "4"))
        work = _work(tmp_path, bare)
        git(work, "cherry-pick", f"origin/{BRANCH}~1")
        git(work, "commit", "--quiet", "--amend", "-m", "Take the first")
        git(work, "push", "--quiet", "origin", "HEAD:main")
        wait_until(lambda: [one.get("files") for one in _status(service)] == [1])
        view = service.view_for(ADAS)
        assert _version(view, "3").id < BRANCH_START
        assert service.find_published(ADAS, third, view.snapshot) == _version(view, "3").id
        # An id leads to what it was given for, or to nothing.
        now = service.find_published(ADAS, fourth, view.snapshot) or fourth
        assert now == _version(view, "4").id
        assert _version(view, "4").id != third


def test_a_restart_finds_the_branches_again(bare: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1)
        before = service.view_for(ADAS)
    with open_service(bare, ServiceOptions()) as service:
        view = service.view_for(ADAS)
        assert _versions(view) == ["1", "2", "3"]
        assert _version(view, "3").id == _version(before, "3").id
        assert view.snapshot.created(_version(view, "3")) == before.snapshot.created(
            _version(before, "3")
        )
        _write(service, 2)
        assert _versions(service.view_for(ADAS)) == ["1", "2", "3", "4"]
        assert git(bare, "rev-list", "--count", f"main..{BRANCH}") == "2"
    with open_service(bare, ServiceOptions(read_only=True)) as service:
        assert _versions(service.view_for(ADAS)) == ["1", "2", "3", "4"]


def test_a_restart_after_the_merge_finds_nothing(bare: Path, tmp_path: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1)
    _merge(tmp_path, bare, "squash")
    with open_service(bare, ServiceOptions()) as service:
        assert service.view_for(ADAS).snapshot is service.snapshot
        assert _status(service) == []


def test_former_ids_lead_to_what_was_merged_after_a_restart(bare: Path, tmp_path: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1, 2)
        view = service.view_for(ADAS)
        before = {name: _version(view, name).id for name in ("3", "4")}
        artifact = view.snapshot.artifacts(_version(view, "3"))[0]
    work = _work(tmp_path, bare)
    git(work, "cherry-pick", f"origin/{BRANCH}~1")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    with open_service(bare, ServiceOptions()) as service:  # one of two is merged
        view = service.view_for(ADAS)
        third, fourth = _version(view, "3"), _version(view, "4")
        assert service.find_published(ADAS, before["3"], view.snapshot) == third.id < BRANCH_START
        now = service.find_published(ADAS, artifact.id, view.snapshot, is_artifact=True)
        assert now == view.snapshot.artifacts(third)[0].id
        assert service.find_published(ADAS, before["4"], view.snapshot) == fourth.id
        assert fourth.id not in before.values() or fourth.id == before["4"]
    git(bare, "branch", "--quiet", "-D", BRANCH)
    git(work, "cherry-pick", f"origin/{BRANCH}")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    with open_service(bare, ServiceOptions()) as service:  # no branch is left
        for name, former in before.items():
            found = service.find_published(ADAS, former, service.snapshot)
            assert found == _version(service.view_for(ADAS), name).id < BRANCH_START
            assert service.find_published(BOBS, former, service.snapshot) == 0


def test_remembered_ids_are_bounded_and_half_a_line_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_tool.server.views._MOST_FORMER", 3)
    files = StateFiles(tmp_path / "ids")
    given = GivenIds(files, "ada")
    for number in range(1, 9):
        given.add({(False, number): (f"key-{number}", None)})
    files.append("ada", b'[false,9,"key')
    again = GivenIds(files, "ada")
    assert [n for n in range(10) if again.find(n, is_artifact=False)] == [7, 8]
    assert again.highest == 8
    assert len(files.read("ada").splitlines()) == 2
    assert GivenIds(StateFiles(None), "ada").highest == 0


def test_what_others_push_to_a_branch_is_seen_and_a_deleted_one_is_gone(
    bare: Path, tmp_path: Path
) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1)
        work = _work(tmp_path, bare)
        git(work, "switch", "--quiet", "-C", "mine", f"origin/{BRANCH}")
        write_files(work, {"models/nlp/lang-id/aliases/best.yaml": alias_yaml("3")})
        commit(work, "By a person")
        git(work, "push", "--quiet", "origin", f"HEAD:{BRANCH}")
        wait_until(lambda: "best" in service.view_for(ADAS).snapshot.models[MODEL].aliases)
        assert (
            service.view_for(ADAS).branch(service.view_for(ADAS).snapshot.models[MODEL]) == BRANCH
        )
        git(work, "push", "--quiet", "origin", "--delete", BRANCH)
        wait_until(lambda: _versions(service.view_for(ADAS)) == ["1", "2"])
        assert _status(service) == []
        _write(service, 7)
        assert git(bare, "rev-parse", f"{BRANCH}^") == git(bare, "rev-parse", "main")
        assert _versions(service.view_for(ADAS)) == ["1", "2", "3"]


def test_two_authors_propose_two_numbers_and_both_are_merged(bare: Path, tmp_path: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1)
        mine = asyncio.run(service.write(version_request(2, BOB)))
        _write(service, 3)
        assert _versions(service.view_for(ADAS)) == ["1", "2", "3", "5"]
        assert _versions(service.view_for(BOBS)) == ["1", "2", "4"]
        for branch in (BRANCH, mine.branch):
            _merge(tmp_path, bare, "no-ff", branch)
        wait_until(lambda: not _status(service))
        assert _versions(service.view_for(BOBS)) == ["1", "2", "3", "5", "4"]
        _write(service, 4)
        assert _versions(service.view_for(ADAS))[-1] == "6"
    work = _work(tmp_path, bare)
    done = run_program("check", "--all", cwd=work)
    assert done.code == 0, done.out + done.err


def test_a_commit_passes_over_what_is_proposed(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    with open_service(bare, ServiceOptions()) as service:
        work = _work(tmp_path, bare)
        git(work, "switch", "--quiet", "-C", "mine", "main")
        text = (work / "models/nlp/lang-id/versions/2/version.yaml").read_text()
        write_files(work, {PROPOSED: text.replace('"2"', '"3"')})
        commit(work, "By a person")
        git(work, "push", "--quiet", "origin", f"HEAD:{BRANCH}")
        wait_until(lambda: len(_status(service)) == 1)
        assert not asyncio.run(service.write(version_request(2, BOB))).proposed
        assert _versions(service.view_for(BOBS)) == ["1", "2", "4"]


def test_a_conflict_is_told_and_set_aside_at_the_next_write(bare: Path, tmp_path: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1)
        text = (_work(tmp_path, bare) / "models/nlp/lang-id/versions/2/version.yaml").read_text()
        _push(tmp_path, bare, {PROPOSED: text.replace('"2"', '"3"')})
        wait_until(lambda: any("conflicts" in one for one in _status(service)))
        assert _status(service)[0]["conflicts"] == [PROPOSED]
        view = service.view_for(ADAS)
        assert view.is_conflict(_version(view, "3"))
        assert b"https://example.org/1.onnx" in _version(view, "3").record
        written = asyncio.run(service.write(version_request(2)))
        assert written.branch == f"{BRANCH},2"
        assert service.describe_proposal(written, ADAS) == {
            "Registry-Proposal": f"{BRANCH},2", "Registry-Proposal-Conflict": BRANCH,
        }  # fmt: skip
        view = service.view_for(ADAS)
        assert _versions(view) == ["1", "2", "3", "4"]
        assert not view.is_conflict(_version(view, "3"))
        assert _version(view, "3").record == service.snapshot.records[_version(view, "3").id].record
        assert view.branch(_version(view, "3")) == ""
        assert view.branch(_version(view, "4")) == f"{BRANCH},2"


def test_a_branch_of_another_history_is_reported_and_does_no_harm(
    bare: Path, tmp_path: Path
) -> None:
    work = _work(tmp_path, bare)
    git(work, "checkout", "--quiet", "--orphan", "other")
    commit(work, "Alone")
    git(work, "push", "--quiet", "origin", f"HEAD:{BRANCH}")
    with open_service(bare, ServiceOptions()) as service:
        wait_until(lambda: len(_status(service)) == 1)
        assert "shares no history" in str(_status(service)[0]["trouble"])
        assert service.view_for(ADAS).snapshot is service.snapshot
        written = asyncio.run(service.write(version_request(1)))
        assert written.branch == f"{BRANCH},2"
        assert _versions(service.view_for(ADAS)) == ["1", "2", "3"]


def test_status_tells_of_proposals_only_to_those_who_may_see_them(bare: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        _write(service, 1)
        stranger = Subject("Eve", "eve@example.org", grants=parse_grants(["read:cv"]))
        assert service.describe(stranger)["proposals"] == []
        assert len(_status(service)) == 1


def test_commits_and_a_proposal_of_one_author_are_both_seen(tmp_path: Path) -> None:
    from registry_tool.edits.lifecycle import archive
    from registry_tool.writer.request import WriteRequest

    with open_service(bare_registry(tmp_path), ServiceOptions()) as service:
        assert asyncio.run(service.write(WriteRequest(archive(MODEL), ADA))).proposed
        assert not asyncio.run(service.write(version_request(1))).proposed
        assert not asyncio.run(service.write(alias_request("best", "1"))).proposed
        view = service.view_for(ADAS)
        assert _versions(view) == ["1", "2", "3"]
        assert view.snapshot.models[MODEL].state == "archived"
        assert "best" in view.snapshot.models[MODEL].aliases
        assert service.snapshot.models[MODEL].state == "live"
        assert view.branch(view.snapshot.models[MODEL]) == BRANCH


def test_a_url_is_followed_with_its_proposals(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with open_service(bare.as_uri(), ServiceOptions()) as service:
        written = asyncio.run(service.write(version_request(1)))
        assert git(bare, "rev-parse", BRANCH) == written.commit
        with open_service(bare.as_uri(), ServiceOptions(read_only=True)) as replica:
            # It has the same clone; one of its own would follow the remote.
            assert _versions(replica.view_for(ADAS)) == ["1", "2", "3"]
        git(bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
        wait_until(lambda: _versions(service.view_for(ADAS)) == ["1", "2"])
        _write(service, 1)
        _merge(tmp_path, bare, "squash")
        git(bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
        wait_until(lambda: _version(service.view_for(ADAS), "3").id < BRANCH_START)
        wait_until(lambda: _status(service) == [])
