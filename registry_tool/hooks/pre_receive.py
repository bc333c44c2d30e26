"""The hook pre-receive of a Git server: checks a push before any ref moves.

The new state of the main branch is checked as a change to its present state, as in a pull request. Each step on the way
is checked too, since history reads them all. Other branches are checked as the change that they would make to the main
branch; problems are reported, and refused if the server's settings say so. Secrets and large files are refused in every
new commit on any ref, because Git keeps them. Replacement refs are refused: they would show readers other files than
those that were checked. So are tags with the name of the main branch, which would make that name ambiguous.

Settings, in the Git configuration of the bare repository: ``registry.receive.review`` (``accept``, ``refuse``) for a change
of the main branch that requires review, and ``registry.receive.branches`` (``report``, ``refuse``, ``off``).

The main branch is the one that HEAD of the bare repository names. It cannot be deleted, rewound or replaced, and each
published state stays on its first-parent line, which history reads. While it does not exist, every branch is protected
as the main branch, so that a HEAD with a wrong name opens nothing.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from registry_tool.checks.comparison import find_base
from registry_tool.checks.findings import Report
from registry_tool.checks.reports.text import summary
from registry_tool.errors import MalformedTreeError, UsageError
from registry_tool.git.command import Git
from registry_tool.git.refs import is_ancestor
from registry_tool.git.remote.ref_updates import BRANCHES, MOVED, REPLACEMENTS, RESTORE, Update
from registry_tool.git.repository import Repository
from registry_tool.git.revisions import find_commit
from registry_tool.git.shallow import boundary
from registry_tool.hooks.judge import (
    MAX_BRANCHES,
    BranchChecker,
    PushVerdict,
    Reply,
    check_bare_objects,
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

__all__ = [
    "Main",
    "Objection",
    "Policy",
    "check_received_push",
    "find_main",
    "find_objection",
    "find_pusher",
    "protected_branches",
    "read_policy",
    "shadows_main",
]

_TAGS: Final = "refs/tags/"
# What clones call the server, as a rule.
_REMOTES: Final = ("origin", "upstream")


class Main(NamedTuple):
    """The main branch of a server.

    Attributes:
        ref: Its full name; empty when HEAD is at a commit and names no branch.
        names: That, and symbolic refs that lead to it.
        tip: Its commit; None if it does not exist.
    """

    ref: str
    names: frozenset[str]
    tip: str | None


class Objection(NamedTuple):
    """Why a branch may not change so, and what to do instead."""

    message: str
    remedy: str


def find_main(git: Git) -> Main:
    """The main branch of a bare repository."""
    ref = git.branch() or ""
    out = git.run("for-each-ref", "--format=%(refname) %(objectname) %(symref)", BRANCHES)
    found = [line.split(" ") for line in out.decode(errors="surrogateescape").splitlines()]
    # A push to a symbolic ref moves what it leads to.
    names = {name for name, _, leads_to in found if leads_to == ref} | {ref} if ref else set()
    tip = next((commit for name, commit, _ in found if name == ref), None)
    return Main(ref, frozenset(names), tip)


def protected_branches(main: Main, updates: Iterable[Update]) -> frozenset[str]:
    """The names of the protected branches: append-only, and every commit passes."""
    pushed = {update.ref for update in updates if update.is_branch}
    return frozenset(pushed) if main.tip is None and not pushed & main.names else main.names


def shadows_main(main: Main, update: Update) -> bool:
    """True for a tag or branch after which the name of the main branch means two things, here and in every clone."""
    if update.deletes or update.ref in main.names:
        return False
    names = {"HEAD"}
    for ref in main.names:
        name = ref.removeprefix(BRANCHES)
        names |= {name, f"heads/{name}", ref, *(f"{remote}/{name}" for remote in _REMOTES)}
    tag = update.ref.removeprefix(_TAGS) if update.ref.startswith(_TAGS) else ""
    branch = update.ref.removeprefix(BRANCHES) if update.is_branch else ""
    # A branch called `origin/main` is `origin/origin/main` in a clone.
    return tag in names or (branch != "" and branch in {"HEAD", *main.names})


def _rebase(update: Update) -> str:
    return f"git pull --rebase origin {update.shown}; then push again"


def _rewound(git: Git, update: Update) -> Objection | None:
    bases = ("merge-base", "--end-of-options", update.old, update.new)
    parted = git.run(*bases, allowed=(0, 1)).decode().strip()
    if not parted:
        return Objection(
            f"{update.shown}: this branch has no common history with the published one",
            f"start from the published branch: git fetch origin; git switch -c NAME origin/{update.shown}",
        )
    if parted != update.old:
        return Objection(
            f"{update.shown}: this would remove published commits; the branch is append-only",
            f"{_rebase(update)}; to undo a commit: git revert COMMIT",
        )
    return None


def _aside(git: Git, update: Update) -> Objection | None:
    if keeps_line(git, update.old, update.new) or restores_line(git, update.old, update.new):
        return None
    remedy = f"{_rebase(update)}; or: git switch {update.shown}; git merge --no-ff BRANCH"
    first = find_commit(git, f"{update.new}^1")
    if first and is_ancestor(git, update.old, first):
        remedy += f"; if {first[:12]} was published before, and a merge took it off the line, on the server: git config {RESTORE} {first}"
    return Objection(
        f"{update.shown}: this merge has its parents in the wrong order: the published branch must be the first parent",
        remedy,
    )


def _no_commit(repository: Repository, update: Update) -> Objection | None:
    found = repository.reader.read(update.new, limit=0)
    if found is not None and found[1] == "commit":
        return None
    kind = "nothing" if found is None else f"a {found[1]}"
    return Objection(f"{update.shown}: {update.new[:12]} is {kind}, not a commit", "push a commit")


def _holds_registry(repository: Repository, commit: str) -> bool:
    try:
        return repository.tree(commit).entry(REGISTRY) is not None
    except MalformedTreeError:
        return True  # for the check to report


def find_objection(repository: Repository, main: Main, update: Update) -> Objection | None:
    """Why a guarded branch may not change so, whatever the files say; None when it may.

    Raises:
        GitError: Its history cannot be read.
    """
    if update.deletes:
        return Objection(
            f"{update.shown}: the published branch cannot be deleted",
            "delete other branches only",
        )
    if update.ref in main.names and main.tip is not None and update.old != main.tip:
        return Objection(
            f"{update.shown}: {MOVED}, it moved while this was pushed", _rebase(update)
        )
    found = _no_commit(repository, update)
    if found is None and not update.creates:
        found = _rewound(repository.git, update) or _aside(repository.git, update)
    if found is None and not _holds_registry(repository, update.new):
        found = Objection(
            f"{update.shown}: it must contain {REGISTRY}",
            "push to a branch of another name; or create a registry: registry init DIR --name NAME",
        )
    return found


# The first word of each is the default.
_SETTINGS: Final = {"review": ("accept", "refuse"), "branches": ("report", "refuse", "off")}

# What no ref of the server reaches yet; before the pushed commits, which are not to be left out.
_NEW: Final = ("--not", "--all", "--not")
_STEPS_TOLD: Final = 5


class Policy(NamedTuple):
    """The policy of a server.

    Attributes:
        review: ``accept`` or ``refuse`` a change of the main branch that requires review.
        branches: ``report`` or ``refuse`` problems on other branches, or ``off``: do not check them.
    """

    review: str = "accept"
    branches: str = "report"


def _setting(git: Git, name: str) -> str:
    key, words = f"registry.receive.{name}", _SETTINGS[name]
    value = git.config(key) or words[0]
    if value not in words:
        raise UsageError(
            f"the server's setting {key} is {value[:40]!a}, and must be one of {', '.join(words)}",
            remedy=f"on the server: git config {key} {words[0]}",
        )
    return value


def read_policy(git: Git) -> Policy:
    """The policy of a server, from its Git configuration.

    Raises:
        UsageError: A setting is not one of the words it may be.
    """
    return Policy(_setting(git, "review"), _setting(git, "branches"))


def find_pusher() -> str:
    """The user who pushes, for messages only.

    Over HTTP it is the user that the web server authenticated, over SSH the account.
    """
    name = os.environ.get("REMOTE_USER")
    if name:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such account: https://docs.python.org/3/library/getpass.html
        return "unknown user"


class _PushCheck:
    """The check of one push at the server."""

    def __init__(self, repository: Repository, policy: Policy, main: Main) -> None:
        self._repository = repository
        self._main = main
        self._policy = policy
        self.reply = Reply()

    def check_protected(self, update: Update) -> None:
        """Check a protected branch: as a whole, then each step and each file that it would publish."""
        why = find_objection(self._repository, self._main, update)
        if why is not None:
            self.reply.refuse(*why)
            return
        published = None if update.creates else update.old
        (judged,) = BranchChecker(self._repository, published).check([update])
        self.reply.say(*describe(judged))
        verdicts = {"refuse" if judged.report is None else judged.report.verdict}
        noted = judged.report is not None and bool(judged.report.notes)
        for name, report in () if "refuse" in verdicts else self._line(update, published):
            self.reply.say(f"{name}: {summary(report)}", *describe_findings(report))
            verdicts.add(report.verdict)
            noted = noted or bool(report.notes)
        if "refuse" in verdicts:
            self.reply.refused = True
        elif "review" in verdicts:
            self._want_review(update)
        if noted and boundary(self._repository.git):
            self.reply.refuse(
                f"{update.shown}: the server's clone is shallow, so this cannot be checked",
                "on the server: git fetch --unshallow",
            )

    def _line(self, update: Update, published: str | None) -> Iterator[tuple[str, Report]]:
        """The reports on the steps of a protected branch, and a remedy if one is refused."""
        refused = 0
        for name, report in check_steps(self._repository, update, published):
            refused += report.verdict == "refuse"
            if refused <= _STEPS_TOLD:
                yield name, report
        if refused > _STEPS_TOLD:
            self.reply.say(f"and {refused - _STEPS_TOLD} more commits were refused")
        if not refused:
            return
        self.reply.refuse(
            f"{update.shown}: every commit of the main branch must pass the check; squash these commits into one",
            squash_command(published),
        )

    def _want_review(self, update: Update) -> None:
        if self._policy.review == "accept":
            self.reply.say(
                f"{update.shown}: requires review; accepted because registry.receive.review=accept"
            )
            return
        self.reply.refuse(
            f"{update.shown}: requires review; push to a branch and open a pull request",
            "git push origin HEAD:refs/heads/NAME",
        )

    def check_branches(self, published: str | None, updates: Sequence[Update]) -> None:
        """Check other branches, at most ``MAX_BRANCHES`` commits."""
        strict = self._policy.branches == "refuse"
        checked = list(BranchChecker(self._repository, published).check(updates))
        self.leave_out(len(updates) - len(checked), strict=strict)
        for judged in checked:
            self.reply.say(*describe(judged))
            if judged.report is None or judged.report.verdict != "refuse":
                continue
            if strict:
                self.reply.refused = True
            else:
                self.reply.say(f"{judged.update.shown}: accepted, but main would refuse it")

    def check_files(self, published: str | None, updates: Sequence[Update]) -> None:
        """Check the files of new commits on every ref: Git keeps them, even if a later commit deletes them."""
        commits: dict[str, None] = {}
        branches: dict[str, None] = {}
        others: dict[str, str] = {}
        for update in updates:
            found = self._repository.reader.read(f"{update.new}^{{}}", limit=0)
            if found is not None and found[1] == "commit":
                (branches if update.is_branch else commits)[found[0]] = None
            elif found is not None:
                others[found[0]] = update.ref
        # A branch may be a web site; notes, tags and other refs have no such use.
        tips = [*commits, *select_relevant(self._repository, published, branches)]
        known = [] if published is None else [published]
        if tips:
            self._say_of_files(
                "new commits", check_new_files(self._repository, tips, known, options=_NEW), tips
            )
        if others and published is not None:
            self._say_of_files(
                "pushed without a commit", check_bare_objects(self._repository, others, published)
            )

    def _say_of_files(self, name: str, found: Report | None, tips: Sequence[str] = ()) -> None:
        if found is None:
            return
        self.reply.say(f"{name}: {summary(found)}", *describe_findings(found))
        if found.verdict != "refuse":
            return
        remedy = "leave the tag out of the push"
        if tips:
            since = find_base(self._repository, self._main.tip, tips[0])
            remedy = squash_command(since)
        self.reply.refuse(
            "a later commit cannot remove pushed content from the repository; push without it",
            remedy,
        )

    def refuse_names(self, updates: Sequence[Update]) -> None:
        """Refuse refs that would show other things under the names of those that were checked."""
        replacing = [u for u in updates if u.ref.startswith(REPLACEMENTS)]
        if replacing:
            self.reply.refuse(
                f"{replacing[0].ref}: a registry must not replace objects",
                "git replace -d OBJECT",
            )
        for update in (u for u in updates if shadows_main(self._main, u)):
            self.reply.refuse(
                f"{update.ref}: this ref would make the name of the main branch ambiguous",
                "give it another name, or leave it out of the push",
            )

    def leave_out(self, rest: int, *, strict: bool) -> None:
        """Report the number of unchecked branches; a strict policy refuses them."""
        words = f"{rest} more branches were not checked"
        if rest and strict:
            self.reply.refuse(words, f"push at most {MAX_BRANCHES} branches at once")
        elif rest:
            self.reply.say(f"{words} (at most {MAX_BRANCHES} per push)")


def _describe_wrong_head(main: Main) -> str:
    name = main.ref.removeprefix(BRANCHES)
    names = f"names {name}, which does not exist" if name else "names no branch"
    return (
        f"note: HEAD of the server {names}, so every branch is protected as the main branch; "
        "on the server: git symbolic-ref HEAD refs/heads/NAME"
    )


def _published_commit(main: Main, updates: Sequence[Update]) -> str | None:
    """The commit that other branches are compared with: the main branch after this push."""
    new = next((u.new for u in updates if u.ref in main.names and not u.deletes), None)
    return new or main.tip


def check_received_push(repository: Repository, updates: Sequence[Update]) -> PushVerdict:
    """Judge a push.

    Args:
        repository: The server's, opened so that pushed objects can be read.
        updates: The ref updates of the push.

    Returns:
        The result; without lines if no ref of the push belongs to the registry.

    Raises:
        UsageError: A setting of the server is wrong.
        ShallowHistoryError: The server's repository is shallow and lacks the commit where a branch left the main one.
        GitError: A pushed object cannot be read.
    """
    git = repository.git
    policy, main = read_policy(git), find_main(git)
    push = _PushCheck(repository, policy, main)
    names = protected_branches(main, updates)
    first = [u for u in updates if u.ref in names]
    others = [u for u in updates if u.ref not in names and not u.deletes]
    push.refuse_names(updates)
    if first and main.tip is None and not names & main.names:
        push.reply.say(_describe_wrong_head(main))
    for update in first[:MAX_BRANCHES]:
        push.check_protected(update)
    if len(first) > MAX_BRANCHES:
        push.reply.refuse(
            f"{len(first) - MAX_BRANCHES} more branches were not checked",
            f"push at most {MAX_BRANCHES} branches at once",
        )
    if policy.branches != "off" and not push.reply.refused:
        published = _published_commit(main, updates)
        push.check_branches(published, [u for u in others if u.is_branch])
        push.check_files(published, others)
    if not push.reply.said:
        return PushVerdict((), refused=False)
    said = "refused, nothing was changed" if push.reply.refused else "passed"
    return push.reply.answer(f"{said} (pushed by {find_pusher()[:60]})")
