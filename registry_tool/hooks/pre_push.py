"""The hook pre-push of a clone: checks a push before it leaves, as the server would, as far as this clone knows.

Branches are checked as changes to the remote's main branch as last fetched. A branch that fails is not pushed; one that
requires review is, since the pull request is where it is reviewed. A push to the main branch must leave what is published on
its first-parent line, since not every server has our hook. Only the server decides whether a branch may be deleted or rewound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry_tool.checks.comparison import find_base
from registry_tool.checks.findings import Report
from registry_tool.checks.reports.text import summary
from registry_tool.errors import ShallowHistoryError
from registry_tool.git.command import Git
from registry_tool.git.refs import MainBranch, is_ancestor, main_branch
from registry_tool.git.remote.ref_updates import BRANCHES, Update
from registry_tool.git.remote.url import is_url
from registry_tool.git.repository import Repository
from registry_tool.hooks.judge import (
    MAX_BRANCHES,
    BranchChecker,
    PushVerdict,
    Reply,
    check_new_files,
    check_steps,
    describe,
    describe_findings,
    keeps_line,
    restores_line,
    select_relevant,
    squash_command,
)
from registry_tool.manifests.layout import REGISTRY

__all__ = ["check_outgoing_push"]

_USUAL = frozenset({"refs/heads/main", "refs/heads/master"})


def _find_published(git: Git, remote: str) -> MainBranch | None:
    """The main branch as last fetched from the remote; an unknown remote counts as empty."""
    if is_url(remote):  # a URL has no branches here, and may contain a password
        return None
    known = git.run("for-each-ref", "--count=1", "--format=%(refname)", f"refs/remotes/{remote}/")
    return main_branch(git) if known else None


def _main_names(git: Git, remote: str) -> frozenset[str]:
    """How the main branch may be called on the server."""
    if is_url(remote):
        return _USUAL
    prefix = f"refs/remotes/{remote}/"
    out = git.run("symbolic-ref", "--quiet", f"{prefix}HEAD", allowed=(0, 1, 128))
    name = out.decode(errors="surrogateescape").strip().removeprefix(prefix)
    return frozenset({f"{BRANCHES}{name}"}) if name else _USUAL


def _found_in_commits(
    repository: Repository,
    remote: str,
    main: MainBranch | None,
    branches: Sequence[Update],
    names: frozenset[str],
) -> Iterator[tuple[str, Report]]:
    """What the server would find in the commits one by one: in each step of the main branch, and in new files of all."""
    tip = None if main is None else main.tip
    for update in branches:
        if update.ref in names:
            since = find_base(repository, tip, update.new)
            yield from check_steps(repository, update, since)
    others = dict.fromkeys(update.new for update in branches if update.ref not in names)
    tips = list(select_relevant(repository, tip, others))
    known = [] if tip is None else [tip]
    # Commits on any branch of the remote are already there.
    options = ("--not", f"--remotes={remote}", "--not")
    found = check_new_files(repository, tips, known, options=options) if tips else None
    if found is not None:
        yield "new commits", found


def _is_aside(git: Git, published: str, new: str) -> bool:
    """True for a merge whose first parent is one's own work, as `git pull` makes it: it takes what is published off the line."""
    if not is_ancestor(git, new, published):
        return False  # a branch that is behind; the server decides
    try:
        return not (keeps_line(git, published, new) or restores_line(git, published, new))
    except ShallowHistoryError:
        return False


def check_outgoing_push(
    repository: Repository, remote: str, updates: Sequence[Update]
) -> PushVerdict:
    """Judge a push before it leaves.

    Args:
        repository: The clone.
        remote: The name of the remote; its address where it has none.
        updates: What the push wants to change there.

    Returns:
        The answer; without lines when no branch is pushed.

    Raises:
        NotFoundError: Git's setting ``registry.published`` names a missing branch.
        ShallowHistoryError: The clone does not reach back to where a branch left the main one.
        GitError: A pushed object cannot be read.
    """
    git = repository.git
    branches = [update for update in updates if update.is_branch and not update.deletes]
    if not branches:
        return PushVerdict((), refused=False)
    main, names, reply = _find_published(git, remote), _main_names(git, remote), Reply()
    checked = list(BranchChecker(repository, None if main is None else main.tip).check(branches))
    for judged in checked:
        reply.say(*describe(judged))
        if judged.report is None and judged.update.ref in names:
            reply.refuse(
                f"{judged.update.shown}: it must contain {REGISTRY}",
                "push to a branch of another name: git push REMOTE HEAD:refs/heads/NAME",
            )
        elif judged.report is not None and judged.report.verdict == "refuse":
            reply.refused = True
        elif (
            judged.update.ref in names
            and main is not None
            and _is_aside(git, main.tip, judged.update.new)
        ):
            reply.refuse(
                f"{judged.update.shown}: this merge has its parents in the wrong order: the published branch must be the first parent",
                f"git pull --rebase {remote} {judged.update.shown}; then push again",
            )
    found = _found_in_commits(repository, remote, main, branches, names)
    for name, report in () if reply.refused else found:
        reply.say(f"{name}: {summary(report)}", *describe_findings(report))
        if report.verdict == "refuse":
            since = find_base(repository, main and main.tip, branches[0].new)
            words = "a later commit cannot remove content from an earlier one; squash them"
            reply.refuse(words, squash_command(since))
    if rest := len(branches) - len(checked):
        reply.say(f"{rest} more branches were not checked (at most {MAX_BRANCHES} per push)")
    stopped = "stopped, nothing was pushed; to let the server decide: git push --no-verify"
    return reply.answer(stopped if reply.refused else "passed")
