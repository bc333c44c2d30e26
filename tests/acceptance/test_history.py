"""The past, as an auditor, a reviewer and a deploy job ask for it on the command line."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, run_program
from support.commit_histories import ANA, BEN, History
from support.manifests import alias_yaml, registry_yaml, small_registry, version_files

import registry_tool

Cli = Callable[..., Ran]
ALIAS = "models/nlp/lang-id/aliases/production.yaml"
CHAMPION = "models/nlp/lang-id/aliases/champion.yaml"


@pytest.fixture
def past(tmp_path: Path) -> History:
    """A year of promotions: by merges of pull requests, with one rollback, and clocks that cannot be trusted."""
    history = History(tmp_path / "registry")
    first = {
        **small_registry(versions=["1"]),
        "registry.yaml": registry_yaml(stages={"production": {}}),
    }
    history.commit(first, "Start", at="2026-01-10T09:00:00Z")
    history.branch("two")
    history.commit(version_files("2", metrics=[{"key": "f1", "value": 0.9}]), "Add 2", by=BEN)
    history.commit({ALIAS: alias_yaml("2", reason="Better on short texts.")}, "To 2", by=BEN)
    history.merge("two", message="Merge pull request 2", by=ANA, at="2026-02-10T09:00:00Z")
    # The machine of the next merge is an hour slow, and the one after it is of the same second.
    history.commit(
        {ALIAS: alias_yaml("1", reason="2 is too slow.", pinned=True)}, "Roll back", by=BEN,
        at="2026-02-10T08:00:00Z",
    )  # fmt: skip
    history.commit({CHAMPION: alias_yaml("2")}, "Champion", at="2026-02-10T08:00:00Z")
    history.commit({ALIAS: alias_yaml("2", reason="Fixed.")}, "Again", at="2026-04-01T09:00:00Z")
    history.commit({CHAMPION: None}, "No champion", at="2026-05-01T09:00:00Z")
    return history


def read_json(ran: Ran) -> list[dict[str, object]]:
    assert ran.code == 0, ran.err
    data = json.loads(ran.out)
    assert isinstance(data, list)
    return data


# --- history


def test_who_put_it_there_and_why(cli: Cli, past: History) -> None:
    ran = cli("history", "nlp/lang-id@production", cwd=past.folder)
    ids = git(past.folder, "rev-list", "--first-parent", "--abbrev-commit", "--abbrev=12", "HEAD")
    line = ids.splitlines()
    assert ran == Ran(
        0,
        "2026-04-01 09:00 UTC  nlp/lang-id@production moved from 1 to 2: Fixed.\n"
        f"  by {ANA}\n  in {line[1]} Again\n"
        "2026-02-10 08:00 UTC  nlp/lang-id@production moved from 2 to 1 and pinned: 2 is too slow.\n"
        f"  by {BEN}\n  in {line[3]} Roll back\n"
        "2026-02-10 09:00 UTC  nlp/lang-id@production moved from 1 to 2: Better on short texts.\n"
        f"  by {BEN}, published by {ANA}\n  in {line[4]} Merge pull request 2\n"
        "2026-01-10 09:00 UTC  nlp/lang-id@production now points to 1\n"
        f"  by {ANA}\n  in {line[5]} Start\n",
        "",
    )


def test_history_for_programs(cli: Cli, past: History) -> None:
    ran = cli("history", "nlp/lang-id@production", "--format", "json", "-n", "3", cwd=past.folder)
    found = read_json(ran)
    assert len(found) == 3
    assert found[2] == {
        "reference": "nlp/lang-id@production", "kind": "alias", "act": "moved", "model": "nlp/lang-id",
        "alias": "production", "version": "2", "before": "1", "pinned": False,
        "reason": "Better on short texts.", "path": ALIAS,
        "commit": git(past.folder, "rev-parse", "HEAD~4"), "when": "2026-02-10T09:00:00Z",
        "by": BEN, "merged_by": ANA, "subject": "Merge pull request 2",
    }  # fmt: skip


def test_the_library_says_the_same(cli: Cli, past: History) -> None:
    told = read_json(cli("history", "nlp/lang-id", "--format", "json", cwd=past.folder))
    with registry_tool.open(past.folder) as registry:
        found = registry.history("nlp/lang-id")
        assert registry.at("2026-03-15").version("nlp/lang-id@production").version == "1"
        assert registry.at("2026-04-02").version("nlp/lang-id@production").version == "2"
    assert [entry["commit"] for entry in told] == [entry.commit for entry in found]


@pytest.mark.parametrize("how", ["bare", "url", "partial", "linked"])
def test_any_way_to_open_it(cli: Cli, past: History, tmp_path: Path, how: str) -> None:
    expected = cli("history", "nlp/lang-id", cwd=past.folder)
    if how == "linked":
        git(past.folder, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
        source = str(tmp_path / "linked")
    elif how == "url":
        source = past.folder.as_uri()
    else:
        options = {"bare": ["--bare"], "partial": ["--filter=blob:none"]}[how]
        source = str(past.clone("clone", *options))
    assert cli("history", "nlp/lang-id", "--repo", source, cwd=tmp_path) == expected


@pytest.mark.parametrize(
    "command",
    [
        ("history", "nlp/lang-id@production"), ("history", "nlp/lang-id@1"), ("audit",),
        ("audit", "--since", "2026-03-01"), ("events", "0" * 40), ("events", "HEAD~1"),
        ("diff", "HEAD~1", "HEAD"), ("history", "nlp/lang-id", "--ref", "HEAD"),
    ],
)  # fmt: skip
def test_a_clone_of_one_commit_says_that_it_is_shallow(
    cli: Cli, past: History, command: tuple[str, ...]
) -> None:
    ran = cli(*command, cwd=past.clone("shallow", "--depth=1"))
    assert (ran.code, ran.out) == (4, "")
    assert "shallow" in ran.err
    assert "git fetch --unshallow" in ran.err


def test_a_mistyped_alias_is_answered_with_near_ones(cli: Cli, past: History) -> None:
    ran = cli("history", "nlp/lang-id@prodution", cwd=past.folder)
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean production?" in ran.err


# --- audit


def test_what_was_in_production_last_march(cli: Cli, past: History) -> None:
    window = ("--since", "2026-03-01", "--until", "2026-03-31")
    ran = cli("audit", "--model", "nlp/lang-id", *window, "--format", "json", cwd=past.folder)
    line = git(past.folder, "rev-list", "--first-parent", "HEAD").split()
    ana, champion = read_json(ran)[1], read_json(ran)[0]
    assert ana == {
        "model": "nlp/lang-id", "alias": "production", "version": "1",
        "from_commit": line[3], "from_time": "2026-02-10T08:00:00Z",
        "to_commit": line[1], "to_time": "2026-04-01T09:00:00Z", "by": BEN, "merged_by": BEN,
        "reason": "2 is too slow.", "subject": "Roll back", "pinned": True,
    }  # fmt: skip
    assert (champion["alias"], champion["version"]) == ("champion", "2")


def test_all_holdings(cli: Cli, past: History) -> None:
    ran = cli("audit", cwd=past.folder)
    assert ran.code == 0
    header, *rows = ran.out.splitlines()
    assert header.split() == ["alias", "version", "from", "(UTC)", "to", "(UTC)", "by", "in", "why"]
    assert [row.split("  ")[0] for row in rows] == [
        "nlp/lang-id@champion", *["nlp/lang-id@production"] * 4,
    ]  # fmt: skip
    assert "now" in rows[-1]
    assert not any("now" in row for row in rows[:-1])


def test_a_spreadsheet(cli: Cli, past: History) -> None:
    evil = '=HYPERLINK("http://x","y")\n@SUM(1)'
    past.commit({ALIAS: alias_yaml("1", reason=evil)}, "-1+1", by=BEN)
    ran = cli("audit", "--format", "csv", cwd=past.folder)
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(rows) == 6
    last = rows[-1]
    assert last["reason"] == "'" + evil.replace(
        "\n", "\\n"
    )  # one row is one line; JSON keeps the text
    assert last["subject"] == "'-1+1"
    assert (last["to_commit"], last["to_time"], last["pinned"]) == ("", "", "False")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--since", "yesterday"), 2, "--since: 'yesterday' is not a day or a time"),
        (("--until", "2026-02-30"), 2, "is not a time"),
        (("--model", "nlp/lang-ids"), 2, "model nlp/lang-ids does not exist"),
        (("--until", "2000-01-01"), 0, "no alias pointed to a version in this period"),
        (("--ref", "nowhere"), 2, "is not a commit, branch or tag"),
    ],
)
def test_audits_of_nothing(
    cli: Cli, past: History, options: tuple[str, ...], code: int, words: str
) -> None:
    ran = cli("audit", *options, cwd=past.folder)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


# --- diff


def test_what_a_branch_does(cli: Cli, past: History) -> None:
    start = git(past.folder, "rev-list", "--max-parents=0", "HEAD")
    ran = cli("diff", start, "two", cwd=past.folder)
    assert ran.code == 0
    assert ran.out.splitlines()[1:] == [
        "+ version nlp/lang-id@2 added: fasttext; model 21 B; f1 0.9",
        "~ nlp/lang-id@production moved from 1 to 2: Better on short texts.",
    ]


def test_what_main_did_meanwhile_is_not_told(cli: Cli, past: History) -> None:
    past.branch("mine", "HEAD~2")
    past.commit({"README.md": "r\n"})
    ran = cli("diff", "main", cwd=past.folder)
    assert ran.out.splitlines()[1:] == ["+ file README.md added"]
    (past.folder / "README.md").unlink()
    assert cli("diff", "main", cwd=past.folder).out.splitlines()[1:] == ["no differences"]


def test_what_the_work_tree_takes_back_is_not_told(cli: Cli, past: History) -> None:
    before = (past.folder / ALIAS).read_text(encoding="utf-8")
    past.branch("mine")
    past.commit({ALIAS: alias_yaml("1")})
    (past.folder / ALIAS).write_text(before, encoding="utf-8")
    assert cli("diff", "main", cwd=past.folder).out.splitlines()[1:] == ["no differences"]


def test_a_diff_for_programs(cli: Cli, past: History) -> None:
    ran = cli("diff", "HEAD~1", "HEAD", "--format", "json", cwd=past.folder)
    head, base = git(past.folder, "rev-parse", "HEAD", "HEAD~1").split()
    assert json.loads(ran.out) == {
        "base": base,
        "head": head,
        "changes": [
            {
                "kind": "alias", "act": "removed", "reference": "nlp/lang-id@champion", "path": CHAMPION,
                "model": "nlp/lang-id", "alias": "champion", "version": None, "before": "2",
                "pinned": False, "reason": "",
            }
        ],
    }  # fmt: skip


def test_the_reviewer_s_report(cli: Cli, past: History) -> None:
    past.branch("three")
    past.commit(version_files("3", metrics=[{"key": "f1", "value": 0.99}]), "Add 3", by=BEN)
    ran = cli("diff", "main", "three", "--format", "markdown", cwd=past.folder)
    assert ran.code == 0
    text = html.unescape(ran.out)
    assert "| metric f1 | 0.99 | 0.9 ↑ +10.0% |" in text
    assert "|  | 3 | 2, the version before, now in production |" in text


# --- events


def test_what_a_deploy_job_reads(past: History) -> None:
    base = git(past.folder, "rev-parse", "HEAD~3")
    runs = {run_program("events", base, cwd=past.folder) for _ in range(2)}
    clone = past.clone("elsewhere", "--bare")
    runs.add(run_program("events", base, "main", "--repo", str(clone), cwd=clone.parent))
    (ran,) = runs  # the same bytes, whoever asks
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert [(e["type"], e["subject"], e["data"]["version"]) for e in events] == [
        ("registry.alias.added.v1", "nlp/lang-id@champion", "2"),
        ("registry.alias.moved.v1", "nlp/lang-id@production", "2"),
        ("registry.alias.removed.v1", "nlp/lang-id@champion", None),
    ]
    assert {event["source"] for event in events} == {"/registries/acme-models"}


def test_the_first_push(cli: Cli, past: History) -> None:
    named = ("--source", "https://models.example.org/acme")
    ran = cli("events", "0" * 40, "HEAD~5", *named, cwd=past.folder)
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert {event["source"] for event in events} == {"https://models.example.org/acme"}
    assert "registry.model.added.v1" in {event["type"] for event in events}
    assert {event["time"] for event in events} == {"2026-01-10T09:00:00Z"}


def test_a_force_push(cli: Cli, past: History) -> None:
    before = git(past.folder, "rev-parse", "HEAD")
    git(past.folder, "reset", "--quiet", "--hard", "HEAD~2")
    ran = cli("events", before, "HEAD", cwd=past.folder)
    assert ran.code == 0
    assert "BASE is not in the history of HEAD" in ran.err
    found = {json.loads(line)["subject"]: json.loads(line)["type"] for line in ran.out.splitlines()}
    assert found == {
        "nlp/lang-id@champion": "registry.alias.added.v1",
        "nlp/lang-id@production": "registry.alias.moved.v1",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("1" * 40,), "is not a commit, branch or tag"),
        (("HEAD", "0" * 40), "the branch was deleted"),
        (("HEAD~1", "HEAD", "--source", "a b"), "is not a URI reference"),
        (("HEAD:registry.yaml",), "is not a commit, branch or tag"),
        (("--", "--output=x"), "is not a commit, branch or tag"),
    ],
)
def test_events_of_what_is_not_there(
    cli: Cli, past: History, arguments: tuple[str, ...], words: str
) -> None:
    ran = cli("events", *arguments, cwd=past.folder)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_nothing_new_is_nothing(cli: Cli, past: History) -> None:
    assert cli("events", "HEAD", cwd=past.folder) == Ran(0, "", "")


# --- hostile text


def test_a_terminal_is_left_alone(cli: Cli, past: History) -> None:
    evil = "\x1b[31mred\x1b]0;title\x07\u202e"
    past.commit(
        {ALIAS: alias_yaml("1", reason=evil), f"docs/{evil}": "x\n"}, evil, by=f"{evil} <e@x>"
    )
    commands = (
        ("history", "nlp/lang-id@production"), ("audit",), ("audit", "--format", "csv"),
        ("diff", "HEAD~1", "HEAD"), ("diff", "HEAD~1", "HEAD", "--format", "markdown"), ("events", "HEAD~1"),
    )  # fmt: skip
    for command in commands:
        ran = cli(*command, cwd=past.folder)
        assert ran.code == 0, ran.err
        assert not {"\x1b", "\x07", "\u202e"} & set(ran.out + ran.err), command
