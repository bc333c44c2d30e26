"""``registry promote``: ask the gates of a stage, say what each answers, and move the stage when all hold.

``registry rollback``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.change import ChangeSession, How, writing, writing_options
from registry_tool.cli.completion import complete_alias, complete_model, complete_reference
from registry_tool.cli.options import finish_interrupted, open_for_reading
from registry_tool.cli.output.console import print_json, progress_bar, say
from registry_tool.errors import OperationalError, RefusedError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.git.history import FirstParentHistory
    from registry_tool.names import Reference
    from registry_tool.promotion.branch import Branch
    from registry_tool.promotion.evaluate import Candidate

__all__ = [
    "promote",
    "rollback",
]

_COLOURS = {"held": "green", "failed": "red", "unknown": "yellow"}


def _data(candidate: Candidate) -> dict[str, object]:
    return {
        "model": str(candidate.version.model.name),
        "version": candidate.version.version,
        "stage": candidate.stage.name,
        "holder": candidate.holder or None,
        "pinned": candidate.pinned,
        "gates": [outcome._asdict() for outcome in candidate.outcomes],
    }


def _print_gates(candidate: Candidate) -> None:
    now = f"version {candidate.holder}" if candidate.holder else "nothing"
    pin = ", pinned" if candidate.pinned else ""
    say(f"{candidate.version} to {candidate.stage.name}, which is {now}{pin}")
    for outcome in candidate.outcomes:
        say(f"  {outcome.state:<8} {outcome.gate}", fg=_COLOURS[outcome.state])
        say(f"           {outcome.explanation}")
        if outcome.remedy and outcome.state != "held":
            say(f"           try: {outcome.remedy}")
    if not candidate.outcomes:
        say("  held     the stage has no gates", fg="green")


def _trouble(candidate: Candidate) -> RefusedError | OperationalError | None:
    """What is in the way; None where every gate holds."""
    states = [outcome.state for outcome in candidate.outcomes]
    name = f"{candidate.version} may not become {candidate.stage.name}"
    every = f"of {len(states)} gate{'' if len(states) == 1 else 's'}"
    if "failed" in states:
        return RefusedError(f"{name}: {states.count('failed')} {every} failed")
    if "unknown" in states:
        words = f"{name} yet: {states.count('unknown')} {every} could not be asked here"
        return OperationalError(words)
    return None


def _stays(candidate: Candidate, *, automatic: bool, elsewhere: str) -> str:
    """Why there is nothing to do; empty where there is."""
    named = f"{candidate.version.model.name}@{candidate.stage.name}"
    if candidate.holder == candidate.version.version:
        return f"{named} is {candidate.holder} already"
    if automatic and candidate.pinned:
        from registry_tool.manifests.data import text

        why = text(candidate.alias, "reason")
        reason = f": {why}" if why else ""
        return f"{named} is pinned to {candidate.holder}{reason}; an automatic promotion leaves it"
    if elsewhere:
        already = f"{named} is {candidate.version.version} already, on the branch {elsewhere}"
        return f"{already}: merge it, or delete it to start again"
    return ""


def _print_unmoved(candidate: Candidate, message: str, form: str) -> None:
    if form == "json":
        nothing = {"promoted": False, "message": message, "commit": None, "branch": None}
        print_json({**_data(candidate), **nothing, "files": []})
    else:
        say(message)


def _tell(candidate: Candidate, form: str, *, asked: bool) -> int:
    """What the gates amount to, where nothing is written; the exit code. It is no error where only that was asked."""
    trouble = _trouble(candidate)
    if trouble is not None and form != "json" and not asked:
        raise trouble
    message = "every gate holds; nothing was changed" if trouble is None else trouble.message
    _print_unmoved(candidate, message, form)
    return 0 if trouble is None else trouble.exit_code


def _next(desk: ChangeSession) -> None:
    import shlex

    branch = desk.destination.branch
    if branch is not None and not desk.destination.push:
        say("next:")
        say(f"  git push -u origin {shlex.quote(branch)}    # then open a pull request")


def _base(registry: Registry, how: How) -> str:
    """The commit that the promotion is made on: what is checked out, or the tip of the branch that was named."""
    from registry_tool.errors import NotFoundError
    from registry_tool.git.refs import find_target

    git = registry.repository.git
    commit = git.head() if how.branch is None else find_target(git, how.branch).parent
    if commit is None:
        raise NotFoundError(
            "there is no commit yet",
            remedy="commit the registry first: git add --all && git commit -m TEXT",
        )
    return commit


def _branch(registry: Registry, commit: str, how: How, asked: Reference, stage: str) -> Branch:
    """Where the commit goes; a branch of its own unless another was asked for."""
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.catalog.resolve import resolve
    from registry_tool.promotion.branch import Branch, branch_for

    if how.commit or how.branch is not None:
        return Branch(how.branch or "")
    head = Catalog(registry.repository.tree(commit))
    version = resolve(head, asked, allow_withdrawn=True).version
    return branch_for(registry.repository, version, stage)


def _candidate(desk: ChangeSession, commit: str, asked: Reference, stage: str) -> Candidate:
    import datetime as dt

    from registry_tool.catalog.catalog import Catalog
    from registry_tool.promotion.context import ground_of
    from registry_tool.promotion.evaluate import candidate_of
    from registry_tool.promotion.gates.artifacts import presence

    ground = ground_of(desk.repository, commit)
    present = presence(lambda md5s: desk.store.remote.exists(md5s, legacy=True))
    now = dt.datetime.now(dt.UTC)
    head = Catalog(desk.repository.tree(commit))
    return candidate_of(head, ground, asked, stage, now=now, present=present)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "--to",
    "stage",
    metavar="STAGE",
    required=True,
    shell_complete=complete_alias,
    help="The stage.",
)
@click.option("--dry-run", is_flag=True, help="Say what each gate answers; change nothing.")
@click.option("--automatic", is_flag=True, help="For jobs: leave a pinned stage where it is.")
@click.option("--reason", metavar="TEXT", default="", help="Why; stands in the alias.")
@writing_options
def promote(
    *, reference: str, stage: str, dry_run: bool, automatic: bool, reason: str, how: How
) -> int:
    """Move a version to a stage, if its gates hold.

    Every gate is asked and explained: what was found, with the numbers. When all hold, the stage is moved by one small
    commit on the branch promote/MODEL-VERSION-STAGE, which a pull request brings to the main branch; there the same
    gates are asked again. --commit and --branch put the commit elsewhere, --push pushes it.

    A rollback pins its stage. This command moves it all the same and takes the pin off; with --automatic it does
    nothing, and that is no failure.

    Exit codes: 0 moved, or every gate holds; 1 a gate failed; 4 a gate could not be asked, such as in a shallow clone.

    \b
    Examples:
      registry promote nlp/lang-id@4 --to production --dry-run
      registry promote nlp/lang-id@staging --to production --reason "best on short texts" --push
      registry promote nlp/lang-id@4 --to staging --automatic --push --format json
    """
    from registry_tool.edits.promotion import promote as act
    from registry_tool.names import Reference

    asked = Reference.for_change(reference)
    finish_interrupted(how.repo)
    with open_for_reading(how.repo, None) as registry, progress_bar() as progress:
        base = _base(registry, how)
        branch = _branch(registry, base, how, asked, stage)
        desk = ChangeSession(registry, how._replace(branch=branch.name or None), progress)
        candidate = _candidate(desk, base, asked, stage)
        elsewhere = "" if dry_run else branch.has_it
        why = _stays(candidate, automatic=automatic, elsewhere=elsewhere)
        if why:
            _print_unmoved(candidate, why, how.form)
            return 0
        if how.form != "json":
            _print_gates(candidate)
        if dry_run or _trouble(candidate) is not None:
            return _tell(candidate, how.form, asked=dry_run)
        exact = Reference(candidate.version.model.name, candidate.version.version)
        more = {**_data(candidate), "promoted": True}
        code = desk.finish(act(exact, stage, reason=reason), more=more)
        if how.form != "json":
            _next(desk)
        return code


def _history(desk: ChangeSession) -> FirstParentHistory | None:
    """The history that ends where the change will be made."""
    from registry_tool.git.history import FirstParentHistory
    from registry_tool.git.refs import find_target

    git = desk.repository.git
    tip = git.head()
    if desk.destination.commits:
        tip = find_target(git, desk.destination.branch).parent
    return None if tip is None else FirstParentHistory(git, tip)


@click.command()
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@click.argument("stage", metavar="STAGE", shell_complete=complete_alias)
@click.option("--to", metavar="VERSION", default="", help="Which one. Default: the last good one.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; readers are told.")
@writing_options
def rollback(*, model: str, stage: str, to: str, reason: str, how: How) -> int:
    """Move a stage back to its last good version, and pin it.

    The last good version is the one that held the stage before, as the history has it, and still may be used; what was
    rolled back itself is passed over. No gates are asked. The pin keeps automatic promotions away until somebody moves
    the stage on with `registry promote`, which takes the pin off.

    \b
    Examples:
      registry rollback nlp/lang-id production --reason "wrong on short texts"
      registry rollback nlp/lang-id production --to 2 --reason "3 is slow too" --branch roll-back --push
    """
    from registry_tool.edits.promotion import rollback as act
    from registry_tool.names import ModelName

    if not reason.strip():
        raise UsageError("--reason is empty", remedy="say why: readers are told")
    name = ModelName.parse(model)
    with writing(how) as desk:
        return desk.finish(act(name, stage, reason=reason, to=to, history=lambda: _history(desk)))
