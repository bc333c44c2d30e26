"""GitHub's workflows, run by ``act``: a good and a bad run of each."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping

import pytest
from support import commit, git, write_files
from support.ci_hosts import (
    MODEL,
    MOVES,
    NEW_VERSION,
    THIRD,
    TO_NOWHERE,
    Hosted,
    Run,
    note_on,
    receiver,
    run_act,
    with_lost_lines,
)
from support.manifests import alias_yaml, namespace_yaml, registry_yaml, tag_yaml

Make = Callable[..., Hosted]
HEAD = "refs/pull/{}/head"


def pull_request(place: Hosted, workflow: str, change: str, *, fork: bool = False) -> Run:
    """Run a workflow for a pull request, on its merge with the main branch."""
    place.merged(change)
    owner = "stranger" if fork else "acme"
    head = {"sha": change, "ref": "change", "repo": {"full_name": f"{owner}/models"}}
    base = {"sha": git(place.root, "rev-parse", "main"), "ref": "main"}
    payload = {"pull_request": {"number": 1, "head": head, "base": base}}
    return run_act(
        place, workflow, "pull_request", payload, "--env", "GITHUB_REPOSITORY=acme/models"
    )


# --- validate


def test_a_good_change_passes_and_is_reported(on_host: Make) -> None:
    place = on_host("github")
    ran = pull_request(place, "validate", place.change(NEW_VERSION))
    assert ran.code == 0, ran.out
    assert "no problems found" in ran.out
    assert "Summary - ## Registry check: ✅ passes" in ran.out


def test_a_bad_change_fails_with_annotations(on_host: Make) -> None:
    place = on_host("github")
    ran = pull_request(place, "validate", place.change(TO_NOWHERE))
    assert ran.code == 1
    assert f"::error file={MODEL}/aliases/champion.yaml,line=" in ran.out
    assert "Summary - ## Registry check: ❌ refused" in ran.out


def test_what_needs_review_is_green_and_a_change_cannot_choose_its_checker(on_host: Make) -> None:
    place = on_host("github")
    change = place.change({".github/registry-tool.txt": "registry-tool==0.0.0\n"})
    ran = pull_request(place, "validate", change)
    assert ran.code == 0, ran.out
    assert "::warning file=.github/registry-tool.txt" in ran.out
    assert "Summary - ## Registry check: 🟡 needs review" in ran.out


# --- artifacts


def test_bytes_that_are_on_the_storage_pass(on_host: Make) -> None:
    place = on_host("github")
    place.store(THIRD)
    ran = pull_request(place, "artifacts", place.change(NEW_VERSION))
    assert ran.code == 0, ran.out


def test_bytes_that_are_not_on_the_storage_fail(on_host: Make) -> None:
    place = on_host("github")
    ran = pull_request(place, "artifacts", place.change(NEW_VERSION))
    assert ran.code == 1
    assert f"::error file={MODEL}/versions/3/version.yaml" in ran.out
    assert "A501" in ran.out


def test_a_fork_does_not_get_the_credential(on_host: Make) -> None:
    place = on_host("github")
    ran = pull_request(place, "artifacts", place.change(NEW_VERSION), fork=True)
    assert (ran.code, "Check the storage" in ran.out) == (0, False)


@pytest.mark.parametrize("name", MOVES)
def test_another_storage_does_not_get_the_credential(on_host: Make, name: str) -> None:
    place, files = on_host("github"), dict(MOVES[name])
    if moved := files.get("registry.yaml"):
        published = git(place.host, "show", "main:registry.yaml")
        files["registry.yaml"] = published.replace("remote: storage", moved)
    ran = pull_request(place, "artifacts", place.change({**NEW_VERSION, **files}))
    assert ran.code == (1 if name == "local configuration" else 0), ran.out
    assert f"::warning file={next(iter(files))}" in ran.out
    assert "no remote was checked" in ran.out
    assert "A501" not in ran.out


# --- promote


def dispatch(place: Hosted, reference: str, stage: str) -> Run:
    payload = {"inputs": {"reference": reference, "stage": stage}, "ref": "refs/heads/main"}
    return run_act(place, "promote", "workflow_dispatch", payload)


def test_a_promotion_opens_a_pull_request_and_leaves_main_alone(on_host: Make) -> None:
    place = on_host("github")
    before = place.tip()
    ran = dispatch(place, "nlp/lang-id@2", "production")
    assert ran.code == 0, ran.out
    (branch,) = (b for b in place.branches() if b != "main")
    assert branch.startswith("promote/")
    assert place.tip() == before
    moved = git(place.host, "diff", "--name-only", "main", branch).split()
    assert moved == [f"{MODEL}/aliases/production.yaml"]
    assert git(place.host, "log", "-1", "--format=%an", branch) == "ada"
    setup, create = place.calls()
    assert setup == ["auth", "setup-git"]
    assert create[:6] == ["pr", "create", "--base", "main", "--head", branch]
    assert "moved from 1 to 2" in place.body()
    again = dispatch(place, "nlp/lang-id@2", "production")
    assert again.code == 0, again.out
    assert [call[:2] for call in place.calls()].count(["pr", "create"]) == 1


def test_a_gate_that_fails_stops_the_promotion(on_host: Make) -> None:
    place = on_host("github", least=0.99)
    ran = dispatch(place, "nlp/lang-id@2", "production")
    assert ran.code == 1
    assert "accuracy" in ran.out
    assert place.branches() == ["main"]
    assert ["pr", "create"] not in [call[:2] for call in place.calls()]


@pytest.mark.parametrize("reference", ["--help", "nlp/lang-id@2; $(id)"])
def test_what_is_typed_is_data(on_host: Make, reference: str) -> None:
    place = on_host("github")
    ran = dispatch(place, reference, "production")
    assert ran.code == 1
    assert "uid=" not in ran.out
    assert place.branches() == ["main"]


def test_after_evidence_a_version_is_proposed_if_its_gates_hold(on_host: Make) -> None:
    place = on_host("github")
    before = place.tip()
    place.land({**note_on(place, "1", 1), **note_on(place, "2", 1)})
    payload = {"ref": "refs/heads/main", "before": before, "after": place.tip()}
    assert run_act(place, "promote", "push", payload).code == 0
    assert place.branches() == ["main"]  # nobody asked for it
    ran = run_act(place, "promote", "push", payload, "--var", "PROMOTE_AFTER_EVIDENCE=production")
    assert ran.code == 0, ran.out
    (branch,) = (b for b in place.branches() if b != "main")
    assert "lang-id-2" in branch


# --- deploy-events


def push(place: Hosted, before: str, after: str, *options: str) -> Run:
    payload = {"ref": "refs/heads/main", "before": before, "after": after, "created": False}
    return run_act(place, "deploy-events", "push", payload, *options)


def test_what_a_merge_changed_is_kept_and_sent(on_host: Make) -> None:
    place = on_host("github")
    before = place.tip()
    after = place.land({f"{MODEL}/aliases/champion.yaml": alias_yaml("2")})
    with receiver() as hook:
        ran = push(place, before, after, "-s", f"DEPLOY_WEBHOOK_URL={hook.url}/hook")
        assert ran.code == 0, ran.out
        (asked,) = hook.asked
    kept = [json.loads(line) for line in (place.folder / "uploaded/events").read_text().splitlines()]  # fmt: skip
    assert kept
    assert json.loads(asked.body) == kept
    assert asked.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert all(event["specversion"] == "1.0" for event in kept)


def test_a_history_that_was_rewritten_sends_nothing(on_host: Make) -> None:
    place = on_host("github")
    with receiver() as hook:
        ran = push(
            place, "0123456789" * 4, place.tip(), "-s", f"DEPLOY_WEBHOOK_URL={hook.url}/hook"
        )
        assert hook.asked == []
    assert ran.code == 1


# --- site


def test_the_site_is_published_where_it_is_enabled(on_host: Make) -> None:
    place = on_host("github")
    published = place.folder / "uploaded/published"
    payload = {"ref": "refs/heads/main", "before": place.tip(), "after": place.tip()}
    assert run_act(place, "site", "push", payload).code == 0
    assert not published.exists()
    address = "https://acme.example.org/models/"
    place.land({f"{MODEL}/versions/1/version.yaml": "schema: version/v1\nmodel: [\n"})
    enabled = ("--var", "REGISTRY_SITE=true", "--var", f"REGISTRY_SITE_URL={address}")
    ran = run_act(place, "site", "push", payload, *enabled)
    assert ran.code == 0, ran.out
    assert "cannot read nlp/lang-id" in ran.out  # and the site is published
    assert (published / "models/nlp/lang-id/index.html").is_file()
    assert not (published / ".build.json").exists()
    assert address in (published / "timeline/feed.xml").read_text()


# --- nightly


def night(place: Hosted) -> Run:
    return run_act(place, "nightly", "schedule", {})


def test_a_good_night_closes_the_issue(on_host: Make) -> None:
    place = on_host("github")
    place.answer("issue list", "7\n")
    ran = night(place)
    assert ran.code == 0, ran.out
    assert [call[:3] for call in place.calls() if call[1] not in {"list", "create"}] == [
        ["issue", "close", "7"]
    ]


def test_a_bad_night_keeps_one_issue(on_host: Make) -> None:
    place = on_host("github")
    for stored in (place.folder / "storage").rglob("*"):
        if stored.is_file():
            stored.unlink()
    ran = night(place)
    assert ran.code == 0, ran.out  # the issue is the message
    assert [call[:2] for call in place.calls()][-1] == ["issue", "create"]
    assert "A501" in place.body()
    place.answer("issue list", "7\n")
    assert night(place).code == 0
    assert place.calls()[-1][:3] == ["issue", "edit", "7"]
    assert sum(call[:2] == ["issue", "create"] for call in place.calls()) == 1


def test_a_stale_codeowners_is_found_at_night(on_host: Make) -> None:
    place = on_host("github")
    place.land({"models/nlp/namespace.yaml": namespace_yaml(owners=["@acme/other"])})
    assert night(place).code == 0
    assert "CODEOWNERS is out of date" in place.body()


# --- automerge


def checked(minutes: int) -> dict[str, object]:
    """A ``validate`` that ended well so long ago."""
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)
    return {
        "workflowName": "validate",
        "name": "validate",
        "conclusion": "SUCCESS",
        "completedAt": ended.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def listed(number: int, commit: str, more: Mapping[str, object] | None = None) -> dict[str, object]:
    """A pull request as ``gh pr list`` tells it."""
    return {
        "number": number,
        "headRefOid": commit,
        "isDraft": False,
        "labels": [],
        "reviewDecision": "",
        "reviews": [],
        "statusCheckRollup": [checked(90)],
        **(more or {}),
    }


def merge(place: Hosted, requests: list[dict[str, object]], *, tip: str = "") -> Run:
    place.answer("pr list", requests)
    place.answer("api repos/acme/models/commits/main", (tip or place.tip()) + "\n")
    return run_act(
        place, "automerge", "workflow_run",
        {"workflow_run": {"conclusion": "success"}, "ref": "refs/heads/main"},
        "--env", "GITHUB_REPOSITORY=acme/models",
    )  # fmt: skip


def merges(place: Hosted) -> list[list[str]]:
    return [call for call in place.calls() if call[:2] == ["pr", "merge"]]


def test_what_policy_allows_is_merged_at_the_commit_that_was_judged(on_host: Make) -> None:
    place = on_host("github", automerge=["evidence"])
    commit = place.propose(1, note_on(place, "2", 1), HEAD)
    ran = merge(place, [listed(1, commit)])
    assert ran.code == 0, ran.out
    assert "#1: pass, kind evidence" in ran.out
    assert merges(place) == [["pr", "merge", "1", "--merge", "--match-head-commit", commit]]


def test_a_main_branch_that_moves_between_the_two_calls_is_said(on_host: Make) -> None:
    place = on_host("github", automerge=["evidence"])
    commit = place.propose(1, note_on(place, "2", 1), HEAD)
    landed = "abc" * 13 + "a"
    place.answer("pr view", landed + "\n")
    place.answer(f"api repos/acme/models/commits/{landed}", place.tip() + "\n")
    assert merge(place, [listed(1, commit)]).code == 0
    place.answer(f"api repos/acme/models/commits/{landed}", "0123456789" * 4 + "\n")
    ran = merge(place, [listed(1, commit)])
    assert ran.code == 1
    assert place.calls()[-1][:2] == ["api", f"repos/acme/models/commits/{landed}"]
    assert f"merged onto {'0123456789' * 4}" in ran.out, ran.out
    assert f"registry check --base {'0123456789' * 4} --head {landed}" in ran.out


def test_a_branch_with_a_secret_that_was_deleted_does_not_merge_by_itself(on_host: Make) -> None:
    """A merge commit would bring it into the history of the main branch."""
    place = on_host("github", automerge=["evidence"])
    place.change({"notes.txt": "-----BEGIN " + "PRIVATE KEY-----\n"}, branch="change-1")
    (place.root / "notes.txt").unlink()
    write_files(place.root, note_on(place, "2", 1))
    head = commit(place.root, "Evidence alone")
    git(place.root, "push", "-q", str(place.host), f"{head}:{HEAD.format(1)}")
    git(place.root, "switch", "-q", "main")
    ran = merge(place, [listed(1, head)])
    assert ran.code == 0, ran.out
    assert "#1: pass, kind evidence" in ran.out
    assert merges(place) == []


def test_lines_that_act_loses_are_found_in_the_copy() -> None:
    """What is at the end of a failing step; what act masks in between stays masked."""
    assert (
        with_lost_lines("| one\n| ***\n| two\n", "one\ntoken\ntwo\n\n") == "| one\n| ***\n| two\n"
    )
    assert with_lost_lines("| one\n", "one\ntwo\nthree\n") == "| one\ntwo\nthree\n"


def review(state: str, who: str = "ada") -> dict[str, object]:
    return {"state": state, "author": {"login": who}}


HELD: list[dict[str, object]] = [
    {"isDraft": True},
    {"labels": [{"name": "hold"}]},
    {"reviewDecision": "REVIEW_REQUIRED"},
    {"reviews": [review("APPROVED", "bob"), review("CHANGES_REQUESTED"), review("COMMENTED")]},
    {"statusCheckRollup": []},
    {"statusCheckRollup": [checked(90), {"name": "artifacts", "conclusion": "FAILURE"}]},
    {"statusCheckRollup": [checked(90), {"context": "mirror", "state": "PENDING"}]},
    {"statusCheckRollup": [checked(30)]},
]
FREE: dict[str, object] = {"reviews": [review("CHANGES_REQUESTED"), review("APPROVED")]}


def test_what_somebody_holds_back_waits_and_one_is_merged_a_run(on_host: Make) -> None:
    place = on_host("github", automerge=["evidence"])
    fields = [*HELD, FREE, {}]
    commits = [place.propose(n, note_on(place, "2", n), HEAD) for n in range(1, len(fields) + 1)]
    requests = [listed(n, commits[n - 1], more) for n, more in enumerate(fields, 1)]
    ran = merge(place, [*reversed(requests)])
    assert ran.code == 0, ran.out
    assert [call[2] for call in merges(place)] == [str(len(HELD) + 1)]


def test_what_policy_does_not_allow_is_left_to_people(on_host: Make) -> None:
    place = on_host("github", automerge=["evidence"])
    more = registry_yaml(owners=["@acme/platform"], automerge=["evidence", "tag", "edit"])
    tag = {f"{MODEL}/tags/first.yaml": tag_yaml("1")}
    notes = note_on(place, "2", 9)
    changes: list[dict[str, str]] = [
        tag,  # a kind that is not listed
        {**tag, "registry.yaml": more},  # and not by listing it oneself
        {**notes, ".github/workflows/validate.yml": "name: validate\n"},
        TO_NOWHERE,
    ]
    commits = [place.propose(n, files, HEAD) for n, files in enumerate(changes, 1)]
    ran = merge(place, [listed(n, commit) for n, commit in enumerate(commits, 1)])
    assert ran.code == 0, ran.out
    assert "#1: pass, kind tag" in ran.out
    assert "#3: review, kind mixed" in ran.out
    assert "#4: refuse, kind alias" in ran.out
    assert merges(place) == []


def test_it_is_the_merge_that_is_judged(on_host: Make) -> None:
    place = on_host("github", automerge=["alias"])
    commit = place.propose(1, {f"{MODEL}/aliases/best.yaml": alias_yaml("2")}, HEAD)
    place.land({f"{MODEL}/tags/best.yaml": tag_yaml("1")})
    ran = merge(place, [listed(1, commit)])
    assert ran.code == 0, ran.out
    assert "#1: refuse, kind alias" in ran.out
    assert merges(place) == []


def test_nothing_is_merged_onto_a_main_branch_that_moved(on_host: Make) -> None:
    place = on_host("github", automerge=["evidence"])
    commit = place.propose(1, note_on(place, "2", 1), HEAD)
    ran = merge(place, [listed(1, commit)], tip="0123456789" * 4)
    assert ran.code == 0, ran.out
    assert "the main branch moved: the next run checks again" in ran.out
    assert merges(place) == []
