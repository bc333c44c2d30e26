"""The main commands mean the same under every Git setting and variable that could change what they say or do.

Each command runs twice, in a registry of its own: with no settings, and with all of them at once. What it prints, its exit
code and what it leaves are compared.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import Ran, commit, git, new_repository, put_object, run_program, write_files
from support.manifests import MODEL_BYTES, alias_yaml, evidence_yaml, small_registry, version_files

MODEL = "models/nlp/lang-id"
SETTINGS = {
    "core.quotePath": "false", "core.abbrev": "no", "core.pager": "false", "core.bigFileThreshold": "1",
    "core.warnAmbiguousRefs": "false", "core.autocrlf": "input", "core.safecrlf": "warn", "core.commentChar": "n",
    "core.logAllRefUpdates": "always", "core.fsmonitor": "false", "core.preloadIndex": "false",
    "color.ui": "always", "color.diff": "always", "color.grep": "always", "color.status": "always",
    "color.branch": "always", "color.push": "always", "color.remote": "always", "color.transport": "always",
    "color.advice": "always", "column.ui": "always",
    "i18n.commitEncoding": "ISO-8859-1", "i18n.logOutputEncoding": "UTF-16",
    "log.showRoot": "false", "log.follow": "true", "log.showSignature": "true", "log.diffMerges": "off",
    "log.date": "relative", "log.decorate": "full", "log.mailmap": "true", "log.excludeDecoration": "*",
    "format.pretty": "oneline", "format.notes": "true", "notes.displayRef": "refs/notes/*",
    "diff.renames": "copies", "diff.relative": "true", "diff.noprefix": "true", "diff.mnemonicPrefix": "true",
    "diff.ignoreSubmodules": "all", "diff.orderFile": "/nothing", "diff.external": "false", "diff.algorithm": "patience",
    "status.renames": "copies", "status.branch": "true", "status.short": "true", "status.showStash": "true",
    "status.relativePaths": "true", "status.submoduleSummary": "true", "status.showUntrackedFiles": "no",
    "grep.patternType": "perl", "grep.extendedRegexp": "true", "grep.lineNumber": "true", "grep.column": "true",
    "grep.fullName": "false", "grep.fallbackToNoIndex": "true", "grep.threads": "1",
    "submodule.recurse": "true", "fetch.recurseSubmodules": "true", "fetch.prune": "true",
    "fetch.pruneTags": "true", "fetch.output": "compact", "fetch.parallel": "0",
    "push.followTags": "true", "push.recurseSubmodules": "only", "push.default": "nothing",
    "push.autoSetupRemote": "true", "remote.pushDefault": "elsewhere", "branch.autoSetupMerge": "always",
    "clone.defaultRemoteName": "elsewhere", "clone.rejectShallow": "true", "init.defaultBranch": "odd",
    "merge.ff": "only", "merge.renames": "false", "blame.showEmail": "true", "rerere.enabled": "true",
    "gpg.format": "openpgp", "gpg.program": "false", "tag.gpgSign": "true", "tag.sort": "-refname",
    "versionsort.suffix": "-", "branch.sort": "-committerdate", "advice.detachedHead": "false",
    "pack.writeBitmaps": "false", "gc.auto": "0", "transfer.hideRefs": "refs/hidden", "help.autoCorrect": "immediate",
    "alias.log": "version", "alias.rev-parse": "version", "alias.cat-file": "version", "pager.log": "true",
}  # fmt: skip
VARIABLES = {
    "GIT_LITERAL_PATHSPECS": "1", "GIT_ICASE_PATHSPECS": "1", "GIT_NAMESPACE": "other", "GIT_REF_PARANOIA": "0",
    "GIT_EXTERNAL_DIFF": "false", "GIT_DIFF_OPTS": "-u0", "GIT_TRACE": "1", "GIT_TRACE_SETUP": "1",
    "GIT_TRACE_PERFORMANCE": "1", "GIT_TRACE2": "1", "GIT_TRACE2_EVENT": "2", "GIT_CURL_VERBOSE": "1",
    "GIT_PAGER_IN_USE": "1", "GIT_PAGER": "false", "GIT_FLUSH": "0", "GIT_DEFAULT_HASH": "sha256",
    "GIT_DEFAULT_REF_FORMAT": "reftable", "GIT_ATTR_SOURCE": "HEAD~1", "GIT_ATTR_NOSYSTEM": "1",
    "GIT_PROTOCOL": "version=0", "GIT_EDITOR": "false", "GIT_MERGE_VERBOSITY": "5", "GIT_NOTES_DISPLAY_REF": "*",
    "GIT_OPTIONAL_LOCKS": "1", "GIT_ADVICE": "1", "GIT_PREFIX": "models/", "GIT_REFLOG_ACTION": "odd",
    "GIT_NO_REPLACE_OBJECTS": "", "GIT_GRAFT_FILE": "/nothing", "GIT_ALLOW_PROTOCOL": "ext:file",
    "GIT_CONFIG_PARAMETERS": "'core.bare'='true'", "GIT_DISCOVERY_ACROSS_FILESYSTEM": "1",
    "LANGUAGE": "de", "LC_MESSAGES": "de_DE.UTF-8",
}  # fmt: skip
PATHSPECS = ("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS")  # fmt: skip

READS = [
    "check --all", "check", "check --staged", "check --base origin/main --head HEAD", "check --base HEAD~1 models/nlp",
    "list", "list nlp/lang-id", "show nlp/lang-id@production", "resolve nlp/lang-id@production --format json --ref HEAD",
    "resolve nlp/lang-id@production --ref origin/main", "history nlp/lang-id", "history nlp/lang-id@production",
    "diff origin/main HEAD", "events origin/main HEAD", "audit", "search accuracy>=0.5", "search label:edge text",
    "compare nlp/lang-id@1 nlp/lang-id@2", "gc", "hooks status",
]  # fmt: skip
WRITES = [
    "alias set nlp/lang-id@2 champion --reason why --commit", "tag add nlp/lang-id@2 v2 --branch topic-2",
    "deprecate nlp/lang-id@1 --reason old --replaced-by 2", "annotate nlp/lang-id@2 --label edge --commit --push",
    "archive nlp/lang-id --commit",
    "rollback nlp/lang-id production --to 2 --reason Ünï --push", "hooks install", "recover",
]  # fmt: skip


def place(folder: Path) -> Path:
    """A clone, one commit ahead of its server, with something staged, something changed, grafts and a misleading tag."""
    second = version_files("2", same_as="nlp/lang-id@1")
    record = second[f"{MODEL}/versions/2/version.yaml"]
    files = {
        **small_registry(), **second, f"{MODEL}/aliases/production.yaml": alias_yaml("1"),
        f"{MODEL}/versions/2/evidence/first.yaml": evidence_yaml("2", kind="note", record=record, text="Ünï"),
        "notes/[a]*.md": "odd\n", "notes/a.md": "plain\n",
    }  # fmt: skip
    folder.mkdir()
    start = new_repository(folder / "start", files)
    git(start, "tag", "-a", "-m", "annotated", "release")
    write_files(start, {f"{MODEL}/aliases/production.yaml": alias_yaml("2")})
    commit(start, "Move production")
    git(folder, "clone", "--quiet", "--bare", "start", "server.git")
    work = folder / "work"
    git(folder, "clone", "--quiet", "server.git", "work")
    put_object(work, MODEL_BYTES)
    write_files(work, {f"{MODEL}/aliases/staging.yaml": alias_yaml("1")})
    commit(work, "Add staging")
    git(work, "tag", "-a", "-m", "not to be pushed", "mine")
    git(work, "tag", "origin/main", "HEAD")
    (work / ".git/info").mkdir(exist_ok=True)
    (work / ".git/info/grafts").write_text(git(work, "rev-parse", "HEAD") + "\n", encoding="ascii")
    write_files(work, {f"{MODEL}/aliases/edge.yaml": alias_yaml("2")})
    git(work, "add", f"{MODEL}/aliases/edge.yaml")
    write_files(work, {f"{MODEL}/aliases/night.yaml": alias_yaml("2"), "notes/a.md": "changed\n"})
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return place(tmp_path / "made")


@pytest.fixture
def hostile(tmp_path: Path) -> Mapping[str, str]:
    """An environment with all of it."""
    config = tmp_path / "hostile.gitconfig"
    for key, value in SETTINGS.items():
        subprocess.run(["git", "config", "--file", str(config), key, value], check=True)
    return {**VARIABLES, "GIT_CONFIG_GLOBAL": str(config)}


def plain(ran: Ran, folder: Path) -> Ran:
    """What was printed, without what differs between two registries: their place, and ids with a time in them."""

    def same(text: str) -> str:
        text = text.replace(str(folder), "PLACE")
        text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?", "TIME", text)
        return re.sub(r"\b[0-9a-f]{7,64}\b", "ID", text)

    return Ran(ran.code, same(ran.out), same(ran.err))


def ran(command: str, folder: Path, env: Mapping[str, str], cwd: str = "work") -> Ran:
    cache = {"REGISTRY_CACHE": str(folder / "cache")}
    return plain(run_program(*command.split(" "), cwd=folder / cwd, env={**env, **cache}), folder)


def test_a_read_says_the_same(made: Path, hostile: Mapping[str, str]) -> None:
    for command in READS:
        wanted = ran(command, made, {})
        assert wanted.out + wanted.err, command
        assert "this is a bug" not in wanted.err, wanted
        assert ran(command, made, hostile) == wanted, command


def test_each_of_the_variables_of_pathspecs_alone(made: Path) -> None:
    for variable in PATHSPECS:  # together they exclude each other
        for command in ("check --base origin/main --head HEAD", "history nlp/lang-id", "gc"):
            assert ran(command, made, {variable: "1"}) == ran(command, made, {}), variable


def left(folder: Path) -> str:
    """What a command left: branches and their files, index, work tree, and the refs of the server."""
    work, server = folder / "work", folder / "server.git"
    refs = "for-each-ref", "--format=%(refname) %(tree) %(contents:subject)"
    parts = [git(work, *refs), git(work, "status", "--porcelain"), git(server, *refs)]
    return "\n".join(parts)


@pytest.mark.parametrize("command", WRITES)
def test_a_write_does_the_same(
    command: str, made: Path, tmp_path: Path, hostile: Mapping[str, str]
) -> None:
    outcome = []
    for name, env in (("calm", {}), ("rough", hostile)):
        folder = tmp_path / name / "place"
        shutil.copytree(made, folder, symlinks=True)
        git(folder / "work", "remote", "set-url", "origin", str(folder / "server.git"))
        outcome.append((ran(command, folder, env), left(folder)))
    assert outcome[0][0].code == 0, outcome[0]
    assert outcome[1] == outcome[0]


@pytest.mark.parametrize("command", ["resolve nlp/lang-id@production", "history nlp/lang-id", "list", "check --all"])  # fmt: skip
def test_a_clone_of_a_url_is_the_same_and_sees_what_is_new(
    command: str, made: Path, tmp_path: Path, hostile: Mapping[str, str]
) -> None:
    outcome = []
    for name, env in (("calm", {}), ("rough", hostile)):
        folder = tmp_path / name / "place"
        shutil.copytree(made, folder, symlinks=True)
        asked = f"{command} --repo {(folder / 'server.git').as_uri()}"
        before = ran(asked, folder, env)
        write_files(folder / "start", {f"{MODEL}/aliases/newer.yaml": alias_yaml("1")})
        commit(folder / "start", "Newer")
        git(folder / "start", "push", "--quiet", str(folder / "server.git"), "main")
        outcome.append((before, ran(asked, folder, env)))
    assert outcome[1] == outcome[0]
    assert "cannot be reached" not in outcome[1][1].err
    if command.startswith("history"):
        assert "newer" in outcome[1][1].out
