"""What others push: served at once, checked, and told while it is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import alias_yaml, namespace_yaml, registry_yaml
from support.served_registries import LOCAL, make_token
from support.written_trains import bare_registry

from registry_tool.access.tokens import TokenFile
from registry_tool.checks.findings import Finding, Report
from registry_tool.manifests.problems import JSON
from registry_tool.server.pushes import CheckedPushes, PushFinding
from registry_tool.server.service import Service, ServiceOptions, open_service
from registry_tool.server.state_files import StateFiles

ALIAS = "models/nlp/lang-id/aliases/staging.yaml"
TO_NOWHERE = {ALIAS: alias_yaml("7")}
BAD = Report("refuse", (Finding("M203", "refuse", ALIAS, 3, 10, "no such version"),), 1)
GOOD = Report("pass", (), 1)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A person's clone of a served repository."""
    bare = bare_registry(tmp_path)
    git(tmp_path, "clone", "--quiet", str(bare), "work")
    return tmp_path / "work"


@pytest.fixture
def start(work: Path) -> Iterator[Callable[..., CheckedPushes]]:
    with ExitStack() as stack:

        def make(*, again: float = 60.0) -> CheckedPushes:
            found = CheckedPushes(
                work, lambda: git(work, "rev-parse", "HEAD"),
                again=again, rest=0, files=StateFiles(work.parent / "state"), branch="main",
            )  # fmt: skip
            stack.callback(found.close)
            return found

        yield make


def _change(work: Path, files: dict[str, str]) -> tuple[str, str]:
    before = git(work, "rev-parse", "HEAD")
    write_files(work, files)
    return before, commit(work, "Change")


def _wait(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.05)
    pytest.fail("waited in vain")


def test_a_push_with_a_report_is_not_checked_twice(start: Callable[..., CheckedPushes]) -> None:
    pushes = start()
    pushes.take("a" * 40, "b" * 40, GOOD)
    assert (pushes.findings, pushes.is_checking) == ((), False)
    pushes.take("b" * 40, "c" * 40, BAD)
    assert pushes.findings == (PushFinding(ALIAS, 3, "M203", "no such version"),)
    assert not pushes.is_checking


def test_a_push_without_a_report_is_checked_and_a_correction_clears_it(
    start: Callable[..., CheckedPushes], work: Path
) -> None:
    pushes = start()
    pushes.take(*_change(work, {**TO_NOWHERE, "registry.yaml": registry_yaml(description="New.")}))
    assert pushes.is_checking
    _wait(lambda: not pushes.is_checking)
    (found,) = pushes.findings
    assert (found.path, found.rule) == (ALIAS, "M203")
    pushes.take(*_change(work, {"notes.md": "x\n"}), GOOD)  # what was pushed before is still wrong
    _wait(lambda: not pushes.is_checking)
    assert pushes.findings == (found,)
    (work / ALIAS).write_text(alias_yaml("2"))
    pushes.take(*_change(work, {}), GOOD)
    _wait(lambda: not pushes.is_checking)
    assert not pushes.findings
    assert pushes.trouble == ""


def test_a_correction_by_the_servers_own_clients_is_noticed(
    start: Callable[..., CheckedPushes], work: Path
) -> None:
    pushes = start(again=0.05)
    pushes.take(*_change(work, TO_NOWHERE), BAD)
    _change(work, {ALIAS: alias_yaml("2")})
    _wait(lambda: not pushes.findings)


def test_a_check_without_an_answer_is_told(start: Callable[..., CheckedPushes], work: Path) -> None:
    pushes = start()
    pushes.take("0" * 40, git(work, "rev-parse", "HEAD"))
    _wait(lambda: not pushes.is_checking)
    assert pushes.trouble.startswith("000000000000..")
    assert "could not be checked" in pushes.trouble
    pushes.take(*_change(work, {"registry.yaml": registry_yaml(description="New.")}))
    _wait(lambda: not pushes.is_checking)
    assert not pushes.findings
    assert pushes.trouble == ""


def _restart(start: Callable[..., CheckedPushes], *, is_known: bool = True) -> CheckedPushes:
    pushes = start()
    pushes.begin(lambda _: is_known)
    _wait(lambda: not pushes.is_checking)
    return pushes


def test_what_was_pushed_while_no_server_ran_is_checked_by_the_next(
    start: Callable[..., CheckedPushes], work: Path
) -> None:
    assert not _restart(start).findings  # what was there before the first server is taken as it is
    _change(work, TO_NOWHERE)
    first = _restart(start)
    assert [one.path for one in first.findings] == [ALIAS]
    first.close()
    again = _restart(start)  # it is still wrong
    assert [one.path for one in again.findings] == [ALIAS]
    again.take(*_change(work, {ALIAS: alias_yaml("2")}), GOOD)
    _wait(lambda: not again.is_checking)
    again.close()
    last = _restart(start)
    assert not last.findings
    assert last._thread is None  # nothing was left to check


def test_commits_of_the_server_itself_are_not_checked_again(
    start: Callable[..., CheckedPushes], work: Path
) -> None:
    pushes = _restart(start)
    pushes.extend(*_change(work, {"notes.md": "x\n"}))
    pushes.close()
    assert _restart(start)._thread is None


def test_a_push_that_no_one_reported_is_checked_with_the_servers_next_commit(
    start: Callable[..., CheckedPushes], work: Path
) -> None:
    pushes = _restart(start)
    _change(work, TO_NOWHERE)
    pushes.extend(*_change(work, {"notes.md": "x\n"}))
    _wait(lambda: pushes.findings)


def test_a_server_that_was_killed_checks_from_where_it_had_last_remembered(
    start: Callable[..., CheckedPushes], work: Path
) -> None:
    _restart(start)  # not closed
    _change(work, {"notes.md": "x\n"})
    _change(work, TO_NOWHERE)
    assert [one.path for one in _restart(start).findings] == [ALIAS]


def test_a_remembered_commit_that_is_gone_is_told_once(
    start: Callable[..., CheckedPushes], work: Path
) -> None:
    _restart(start).close()
    _change(work, TO_NOWHERE)
    pushes = _restart(start, is_known=False)
    assert "no longer has" in pushes.trouble
    pushes.close()
    assert _restart(start).trouble == ""


def test_a_check_without_an_answer_is_made_again_by_the_next_server(
    start: Callable[..., CheckedPushes], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _restart(start).close()
    _change(work, TO_NOWHERE)
    with monkeypatch.context() as patch:
        patch.setattr("registry_tool.server.pushes.sys.executable", "/bin/false")
        failed = _restart(start)
        assert failed.trouble
        assert not failed.findings
        failed.close()
    assert _restart(start).findings


@pytest.mark.parametrize("read_only", [True, False], ids=["replica", "writer"])
def test_a_push_while_the_server_was_down_is_told_by_the_next(
    work: Path, tmp_path: Path, *, read_only: bool
) -> None:
    bare = tmp_path / "bare.git"
    with open_service(bare, ServiceOptions(read_only=read_only)):
        pass
    _change(work, TO_NOWHERE)
    git(work, "push", "--quiet", "origin", "main")
    with open_service(bare, ServiceOptions(read_only=read_only)) as service:
        _wait(lambda: _refused(service))
        (told,) = _refused(service)
        assert isinstance(told, dict)
        assert (told["path"], told["rule"]) == (ALIAS, "M203")


def _refused(service: Service, subject: object = LOCAL) -> list[JSON]:
    found = service.describe(subject)["pushes"]  # type: ignore[arg-type]  # a subject
    assert isinstance(found, dict)
    refused = found["refused"]
    assert isinstance(refused, list)
    return refused


@pytest.mark.parametrize("read_only", [True, False], ids=["replica", "writer"])
@pytest.mark.parametrize("changes_policy", [True, False], ids=["policy", "small"])
def test_a_wrong_push_is_served_and_told_to_those_who_may_read_it(
    work: Path, tmp_path: Path, *, read_only: bool, changes_policy: bool
) -> None:
    tokens = tmp_path / "tokens"
    stranger = TokenFile(tokens).find(make_token(tokens, "read:cv"))
    assert stranger is not None
    with open_service(tmp_path / "bare.git", ServiceOptions(read_only=read_only)) as service:
        policy = {"registry.yaml": registry_yaml(description="New.")} if changes_policy else {}
        _, pushed = _change(work, {**TO_NOWHERE, **policy})
        git(work, "push", "--quiet", "origin", "main")
        _wait(lambda: service.snapshot.commit == pushed)
        _wait(lambda: _refused(service))
        (told,) = _refused(service)
        assert isinstance(told, dict)
        assert (told["path"], told["rule"]) == (ALIAS, "M203")
        assert _refused(service, stranger.subject) == []
        git(work, "pull", "--quiet", "--rebase", "origin", "main")
        _change(work, {ALIAS: alias_yaml("2"), "models/cv/namespace.yaml": namespace_yaml()})
        git(work, "push", "--quiet", "origin", "main")
        _wait(lambda: not _refused(service))
