"""GitLab's pipelines, run by ``gitlab-ci-local``: a good and a bad run of each job."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable

import pytest
from support import git
from support.ci_hosts import (
    MODEL,
    MOVES,
    NEW_VERSION,
    THIRD,
    TO_NOWHERE,
    Hosted,
    Receiver,
    Run,
    note_on,
    receiver,
    run_gitlab,
)
from support.manifests import alias_yaml, tag_yaml

Make = Callable[..., Hosted]
API = "/api/v4/projects/1"
PROJECT = "https://gitlab.example.org/acme/models"
HEAD = "refs/merge-requests/{}/head"


def merge_request(place: Hosted, change: str, *, event: str = "merged_result", **more: str) -> Run:
    """Run the pipeline of a merge request, on its merge with the main branch."""
    place.merged(change)
    main = git(place.root, "rev-parse", "main")
    variables = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_EVENT_TYPE": event,
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": main,
        "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": main,
        "CI_PROJECT_PATH": "acme/models",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "acme/models",
        **more,
    }
    return run_gitlab(place, variables)


def ends(ran: Run) -> dict[str, str]:
    """How each job ended. The exit code of ``gitlab-ci-local`` (4.75.1) is 0 for a job with `allow_failure`."""
    return {
        job: end for end, job in re.findall(r"^ (PASS|WARN|FAIL)  (\S+)", ran.out, re.MULTILINE)
    }


def on_main(place: Hosted, **variables: str) -> Run:
    """Run a pipeline of the main branch."""
    git(place.root, "switch", "-q", "main")
    return run_gitlab(
        place,
        {
            "CI_COMMIT_BRANCH": "main",
            "CI_DEFAULT_BRANCH": "main",
            "CI_PROJECT_ID": "1",
            **variables,
        },
    )


# --- validate and artifacts


def test_a_good_change_passes_and_is_reported(on_host: Make) -> None:
    place = on_host("gitlab")
    place.store(THIRD)
    ran = merge_request(place, place.change(NEW_VERSION))
    assert ran.code == 0, ran.out
    assert ends(ran) == {"validate": "PASS", "artifacts": "PASS"}
    report = next((place.root / ".gitlab-ci-local/artifacts/validate").rglob("report.md"))
    assert report.read_text().startswith("## Registry check: ✅ passes")


def test_a_bad_change_fails_with_place_and_remedy(on_host: Make) -> None:
    place = on_host("gitlab")
    ran = merge_request(place, place.change(TO_NOWHERE))
    assert ends(ran)["validate"] == "FAIL"
    assert f"{MODEL}/aliases/champion.yaml:" in ran.out


def test_what_needs_review_is_a_warning_and_a_change_cannot_choose_its_checker(
    on_host: Make,
) -> None:
    place = on_host("gitlab")
    change = place.change({".gitlab/registry-tool.txt": "registry-tool==0.0.0\n"})
    ran = merge_request(place, change)
    assert ran.code == 0, ran.out
    assert ends(ran) == {"validate": "WARN", "artifacts": "WARN"}


def test_without_a_merge_result_the_change_itself_is_checked(on_host: Make) -> None:
    place = on_host("gitlab")
    place.store(THIRD)
    change = place.change(NEW_VERSION)
    place.land({f"{MODEL}/tags/first.yaml": tag_yaml("1")})
    git(place.root, "switch", "-q", "--detach", change)
    variables = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(place.root, "merge-base", "main", change),
    }
    assert ends(run_gitlab(place, variables)) == {"validate": "PASS"}


def test_bytes_that_are_not_on_the_storage_fail(on_host: Make) -> None:
    place = on_host("gitlab")
    ran = merge_request(place, place.change(NEW_VERSION))
    assert ends(ran) == {"validate": "PASS", "artifacts": "FAIL"}
    assert "A501" in ran.out


@pytest.mark.parametrize("name", MOVES)
def test_another_storage_does_not_get_the_credential(on_host: Make, name: str) -> None:
    place, files = on_host("gitlab"), dict(MOVES[name])
    if moved := files.get("registry.yaml"):
        published = git(place.host, "show", "main:registry.yaml")
        files["registry.yaml"] = published.replace("remote: storage", moved)
    ran = merge_request(place, place.change({**NEW_VERSION, **files}))
    wanted = "FAIL" if name == "local configuration" else "WARN"
    assert ends(ran)["artifacts"] == wanted
    assert "no remote was checked" in ran.out
    assert "A501" not in ran.out


def test_a_fork_is_asked_about_in_the_train_only(on_host: Make) -> None:
    place = on_host("gitlab")
    change = place.change(NEW_VERSION)
    fork = {"CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "stranger/models"}
    assert ends(merge_request(place, change, **fork)) == {"validate": "PASS"}
    train = merge_request(place, change, event="merge_train", **fork)
    assert ends(train) == {"validate": "PASS", "artifacts": "FAIL"}


# --- promote


def promote(place: Hosted, **variables: str) -> Run:
    # GitLab's own address leads to the bare repository beside it.
    git(place.root, "config", f"url.{place.host}.insteadOf", f"{PROJECT}.git")
    recorder = place.host / "hooks/post-receive"
    recorder.write_text('#!/bin/sh\nenv | grep "^GIT_PUSH_OPTION" | sort > options\n')
    recorder.chmod(0o755)
    return on_main(
        place, CI_PROJECT_URL=PROJECT, GITLAB_USER_NAME="Ada", GITLAB_USER_EMAIL="ada@example.org",
        **variables,
    )  # fmt: skip


def test_a_promotion_opens_a_merge_request_and_leaves_main_alone(on_host: Make) -> None:
    place = on_host("gitlab")
    before = place.tip()
    ran = promote(place, CI_PIPELINE_SOURCE="web", REFERENCE="nlp/lang-id@2", STAGE="production")
    assert ran.code == 0, ran.out
    (branch,) = (b for b in place.branches() if b != "main")
    assert branch.startswith("promote/")
    assert place.tip() == before
    moved = git(place.host, "diff", "--name-only", "main", branch).split()
    assert moved == [f"{MODEL}/aliases/production.yaml"]
    assert git(place.host, "log", "-1", "--format=%an <%ae>", branch) == "Ada <ada@example.org>"
    options = (place.host / "options").read_text()
    assert "=merge_request.create\n" in options
    assert "=merge_request.target=main\n" in options


def test_after_evidence_a_version_is_proposed_if_its_gates_hold(on_host: Make) -> None:
    place = on_host("gitlab")
    before = place.tip()
    place.land(note_on(place, "2", 1))
    push = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BEFORE_SHA": before}
    ran = promote(place, PROMOTE_AFTER_EVIDENCE="production", **push)
    assert ran.code == 0, ran.out
    (branch,) = (b for b in place.branches() if b != "main")
    assert "lang-id-2" in branch


def test_a_gate_that_fails_stops_the_promotion(on_host: Make) -> None:
    place = on_host("gitlab", least=0.99)
    ran = promote(place, CI_PIPELINE_SOURCE="web", REFERENCE="nlp/lang-id@2", STAGE="production")
    assert ran.code == 1
    assert "accuracy" in ran.out
    assert place.branches() == ["main"]


# --- deploy-events


def push(place: Hosted, before: str, after: str, url: str) -> Run:
    return on_main(
        place, CI_PIPELINE_SOURCE="push", CI_COMMIT_BEFORE_SHA=before, CI_COMMIT_SHA=after,
        DEPLOY_WEBHOOK_URL=url,
    )  # fmt: skip


def test_what_a_merge_changed_is_kept_and_sent(on_host: Make) -> None:
    place = on_host("gitlab")
    before = place.tip()
    after = place.land({f"{MODEL}/aliases/champion.yaml": alias_yaml("2")})
    with receiver() as hook:
        ran = push(place, before, after, f"{hook.url}/hook")
        assert ran.code == 0, ran.out
        (asked,) = hook.asked
    assert all(event["specversion"] == "1.0" for event in json.loads(asked.body))


def test_a_history_that_was_rewritten_sends_nothing(on_host: Make) -> None:
    place = on_host("gitlab")
    with receiver() as hook:
        ran = push(place, "0123456789" * 4, place.tip(), f"{hook.url}/hook")
        assert hook.asked == []
    assert ran.code == 1


# --- site


def test_the_site_is_published_where_it_is_enabled(on_host: Make) -> None:
    place = on_host("gitlab")
    variables = {
        "CI_PIPELINE_SOURCE": "push",
        "CI_COMMIT_BEFORE_SHA": place.tip(),
        "CI_COMMIT_SHA": place.tip(),
        "CI_PAGES_URL": "https://acme.example.org/models",
    }
    assert "pages" not in ends(on_main(place, **variables))
    ran = on_main(place, **variables, REGISTRY_SITE="true")
    assert ends(ran)["pages"] == "PASS", ran.out
    assert "built the site of acme" in ran.out


# --- schedules


def schedule(place: Hosted, task: str, api: Receiver) -> Run:
    return on_main(
        place, CI_PIPELINE_SOURCE="schedule", REGISTRY_TASK=task, CI_API_V4_URL=f"{api.url}/api/v4",
        REGISTRY_BOT_TOKEN="bot", REGISTRY_READ_TOKEN="read",
    )  # fmt: skip


def test_a_good_night_closes_the_issue(on_host: Make) -> None:
    place = on_host("gitlab")
    with receiver() as api:
        api.answers[f"GET {API}/issues"] = [{"iid": 7}]
        ran = schedule(place, "nightly", api)
        assert ran.code == 0, ran.out
        (asked,) = api.changes()
    assert (asked.method, asked.path, asked.body) == ("PUT", f"{API}/issues/7", "state_event=close")


def test_a_bad_night_keeps_one_issue(on_host: Make) -> None:
    place = on_host("gitlab")
    for stored in (place.folder / "storage").rglob("*"):
        if stored.is_file():
            stored.unlink()
    with receiver() as api:
        api.answers[f"GET {API}/issues"] = []
        assert schedule(place, "nightly", api).code == 0
        api.answers[f"GET {API}/issues"] = [{"iid": 7}]
        assert schedule(place, "nightly", api).code == 0
        first, second = api.changes()
    assert (first.method, first.path) == ("POST", f"{API}/issues")
    assert (second.method, second.path) == ("PUT", f"{API}/issues/7")
    assert "A501" in first.body
    assert "A501" in second.body


def listed(api: Receiver, number: int, commit: str, *, waited: int = 90, **fields: object) -> None:
    """A merge request, as GitLab's API tells it."""
    pushed = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=waited)
    request = {"iid": number, "sha": commit, "detailed_merge_status": "mergeable", "labels": []}
    open_ones = api.answers.setdefault(f"GET {API}/merge_requests", [])
    assert isinstance(open_ones, list)
    open_ones.append(request | fields)
    below = f"GET {API}/merge_requests/{number}"
    api.answers[f"{below}/reviewers"] = [{"state": "approved"}]
    api.answers[f"{below}/versions"] = [
        {"head_commit_sha": commit, "created_at": pushed.strftime("%Y-%m-%dT%H:%M:%S.123Z")}
    ]


def test_what_policy_allows_is_merged_at_the_commit_that_was_judged(on_host: Make) -> None:
    place = on_host("gitlab", automerge=["evidence"])
    commits = [place.propose(n, note_on(place, "2", n), HEAD) for n in range(1, 7)]
    with receiver() as api:
        api.answers[f"GET {API}/repository/branches/main"] = {"commit": {"id": place.tip()}}
        listed(api, 1, commits[0], labels=["hold"])
        listed(api, 2, commits[1], detailed_merge_status="requested_changes")
        listed(api, 3, commits[2], waited=30)
        listed(api, 4, commits[3])
        api.answers[f"GET {API}/merge_requests/4/reviewers"] = [{"state": "requested_changes"}]
        listed(api, 5, commits[4])
        listed(api, 6, commits[5])
        ran = schedule(place, "automerge", api)
        assert ran.code == 0, ran.out
        (asked,) = api.changes()
        tokens = {a.path.rpartition("/")[2]: a.headers["PRIVATE-TOKEN"] for a in api.asked}
    assert (asked.method, asked.path) == ("PUT", f"{API}/merge_requests/5/merge")
    assert asked.body == f"sha={commits[4]}"
    assert (tokens["reviewers"], tokens["merge"]) == ("read", "bot")


def test_a_merge_is_one_step_and_its_base_is_looked_at(on_host: Make) -> None:
    place = on_host("gitlab", automerge=["evidence"])
    commit, landed = place.propose(1, note_on(place, "2", 1), HEAD), "abc" * 13 + "a"
    with receiver() as api:
        api.answers[f"GET {API}/repository/branches/main"] = {"commit": {"id": place.tip()}}
        api.answers[f"GET {API}"] = {"merge_method": "ff"}
        api.answers[f"PUT {API}/merge_requests/1/merge"] = {"merge_commit_sha": landed}
        api.answers[f"GET {API}/repository/commits/{landed}"] = {"parent_ids": [place.tip()]}
        listed(api, 1, commit)
        ran = schedule(place, "automerge", api)
        assert ran.code == 0, ran.out
        (asked,) = api.changes()
        assert asked.body == f"sha={commit}&squash=true"
        moved = {"parent_ids": ["0123456789" * 4]}
        api.answers[f"GET {API}/repository/commits/{landed}"] = moved
        ran = schedule(place, "automerge", api)
        assert ran.code == 1
    assert f"registry check --base {'0123456789' * 4} --head {landed}" in ran.out


def test_what_policy_does_not_allow_is_left_to_people(on_host: Make) -> None:
    place = on_host("gitlab", automerge=["evidence"])
    changes: list[dict[str, str]] = [
        {f"{MODEL}/tags/first.yaml": tag_yaml("1")},
        {**note_on(place, "2", 9), ".gitlab-ci.yml": "stages: [check]\n"},
        TO_NOWHERE,
    ]
    commits = [place.propose(n, files, HEAD) for n, files in enumerate(changes, 1)]
    with receiver() as api:
        for number, commit in enumerate(commits, 1):
            listed(api, number, commit)
        ran = schedule(place, "automerge", api)
        assert ran.code == 0, ran.out
        assert api.changes() == []
    for words in ("!1: pass, kind tag", "!2: review, kind mixed", "!3: refuse, kind alias"):
        assert words in ran.out


def test_nothing_is_merged_onto_a_main_branch_that_moved(on_host: Make) -> None:
    place = on_host("gitlab", automerge=["evidence"])
    commit = place.propose(1, note_on(place, "2", 1), HEAD)
    with receiver() as api:
        tip = {"id": "0123456789" * 4, "parent_ids": [place.tip()]}
        api.answers[f"GET {API}/repository/branches/main"] = {"commit": tip}
        listed(api, 1, commit)
        ran = schedule(place, "automerge", api)
        assert ran.code == 0, ran.out
        assert api.changes() == []
    assert "the main branch moved: the next run checks again" in ran.out
