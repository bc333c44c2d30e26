"""What every face answers from: the live catalog, the writer, and the registry's façade for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_tool.api.registry import Registry, open_registry
from registry_tool.errors import (
    ForbiddenError,
    GitError,
    NotFoundError,
    UsageError,
)
from registry_tool.git.remote.ref_updates import BRANCHES
from registry_tool.git.repository import Repository
from registry_tool.live.follow import LiveCatalog
from registry_tool.live.ids import BRANCH_START
from registry_tool.live.uuids import UuidIndex
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import SERVE
from registry_tool.paths import cache_folder, state_folder
from registry_tool.server.events import is_visible
from registry_tool.server.http.kept_answers import KeptAnswers, find_subject_model
from registry_tool.server.late_writer import LateWriter
from registry_tool.server.left_line import allow_restoring, describe_left_line
from registry_tool.server.metrics import RequestMetrics
from registry_tool.server.proposals import Proposals
from registry_tool.server.pushes import CheckedPushes, begin_checking, report_moves
from registry_tool.server.state_files import StateFiles, find_state_folder
from registry_tool.server.views import SubjectView
from registry_tool.writer.request import Move, Person, WriteRequest, Written

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope as RequestScope

    from registry_tool.access.subjects import Scope, Subject
    from registry_tool.live.records import Record
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.manifests.data import Data
    from registry_tool.manifests.problems import JSON
    from registry_tool.server.own_clone import OwnClone
    from registry_tool.writer.writer import Writer

__all__ = ["Service", "ServiceOptions", "open_service"]

_CACHE: Final = "live"
_CLONES: Final = "serve"  # in the state folder
_NO_WRITER: Final = "this server is a replica, which only reads"


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How a registry is served.

    Attributes:
        read_only: Writes are refused.
        push: A write is answered when the remote has it.
        writer_url: Where a replica sends its writers; empty where that is unknown.
        notify: Receives lines for the operator.
    """

    read_only: bool = False
    push: bool = False
    writer_url: str = ""
    notify: Callable[[str], None] = field(default=lambda _: None)


class Service:
    """A registry that is served.

    Args:
        registry: The façade, at the commit that was the newest when the server started.
        live: The live catalog of the published branch.
        writer: Writes; None for a replica.
        branch: The published branch, without ``refs/heads/``.
        options: How it is served.
        clone: The server's own clone, where it serves a URL.
        proposals: What is proposed and not merged; None where no one looks.
        pushes: Checks what others push; None for no checks.

    Attributes:
        public_url: The address that clients use, without a slash at its end; set when the server listens.
        rpc_target: That of protocols over gRPC, without a scheme; empty where none is served.
        metrics: Counts requests.
        answers: Those of reads, until the registry changes.
    """

    def __init__(
        self,
        registry: Registry,
        live: LiveCatalog,
        writer: LateWriter | None,
        branch: str,
        options: ServiceOptions,
        *,
        clone: OwnClone | None = None,
        proposals: Proposals | None = None,
        pushes: CheckedPushes | None = None,
    ) -> None:
        self.registry = registry
        self.live = live
        self.branch = branch
        self.options = options
        self.public_url = ""
        self.rpc_target = ""
        self.metrics = RequestMetrics()
        self._uuids = UuidIndex()
        self.answers = KeptAnswers()
        self._writer = writer
        self._clone = clone
        self._proposals = proposals
        self._pushes = pushes
        self._stopping: list[Callable[[], object]] = []
        self._closing = ExitStack()

    def on_stopping(self, listener: Callable[[], object]) -> None:
        """Have a function called when the server begins to stop, so that answers without an end come to one."""
        self._stopping.append(listener)

    def on_closing(self, listener: Callable[[], object]) -> None:
        """Have a function called before the repository is closed."""
        self._closing.callback(listener)

    def close(self) -> None:
        """End what works on the repository by itself; called before it is closed."""
        self._closing.close()

    @property
    def source(self) -> str:
        """What is served, for messages: a path, or a URL without credentials."""
        return self.registry.source if self._clone is None else self._clone.shown

    @property
    def trouble(self) -> str:
        """Why the server may be behind its repository, or refuses writes; empty where it does neither."""
        written = "" if self._writer is None else self._writer.trouble
        proposals = "" if self._proposals is None else self._proposals.trouble
        clone = "" if self._clone is None else self._clone.trouble
        return written or self.live.trouble or clone or proposals

    def stop(self) -> None:
        """Say that the server begins to stop."""
        for listener in self._stopping:
            listener()

    @property
    def snapshot(self) -> Snapshot:
        """The state that is served now; a request takes it once."""
        return self.live.snapshot

    def view_for(self, subject: Subject) -> SubjectView:
        """The state that a subject sees: the published one, with what the subject has proposed."""
        return self.view_by(_author(subject))

    def view_by(self, author: Person) -> SubjectView:
        """The same for the author of a commit."""
        published = self.snapshot
        if self._proposals is None or not self._proposals.exist:
            return SubjectView(published, published.commit)
        return self._proposals.view(author, published)

    def snapshot_for(self, subject: Subject) -> Snapshot:
        """The state of ``view_for``."""
        proposals = self._proposals
        if proposals is None or not proposals.exist:  # nearly always, and each read asks
            return self.live.snapshot
        return self.view_for(subject).snapshot

    def find_published(
        self, subject: Subject, number: int, snapshot: Snapshot, *, is_artifact: bool = False
    ) -> int:
        """The id that an object has now, which had another one while the subject proposed it; 0 where it is not known."""
        if self._proposals is None or number < BRANCH_START:
            return 0
        author = _author(subject)
        return self._proposals.find_published(author, number, snapshot, is_artifact=is_artifact)

    def find_uuid(self, snapshot: Snapshot, uuid: str) -> Record | None:
        """The listed model, version or object of a snapshot with a UUID; None where there is none."""
        return self._uuids.find(self.snapshot, snapshot, uuid.lower())

    @property
    def writes(self) -> bool:
        """True where requests can write; False for a replica."""
        return self._writer is not None

    @property
    def mode(self) -> str:
        """How requests are written now: ``commit``, ``branch``, ``propose`` or ``read-only``."""
        return "read-only" if self._writer is None else self._writer.mode

    @property
    def policy(self) -> Data:
        """The fields of the last valid ``serve.yaml`` that was published."""
        return self.snapshot.policy

    def writing_namespace(self, api: str) -> str:
        """Where a protocol without namespaces writes: ``namespaces`` of ``serve.yaml``, by default ``default``."""
        named = self.policy.get("namespaces")
        found = named.get(api) if isinstance(named, dict) else None
        return found if isinstance(found, str) else "default"

    @staticmethod
    def require(subject: Subject, scope: Scope, namespace: str) -> None:
        """Check that a subject has a scope in a namespace.

        Raises:
            NotFoundError: It may not even read the namespace, so for it the namespace does not exist.
            ForbiddenError: It has not this scope.
        """
        if subject.may(scope, namespace):
            return
        if not subject.sees(namespace) and scope == "read":
            raise NotFoundError(f"namespace {namespace} does not exist")
        raise ForbiddenError(
            f"{subject.name} does not have the scope {scope} in the namespace {namespace}",
            remedy=f"create a token with it: registry serve token add NAME --scope {scope}:{namespace}",
        )

    async def write(self, request: WriteRequest) -> Written:
        """Publish a change; when this returns, ``snapshot`` has it, unless it is a proposal.

        Raises:
            RegistryError: As ``Writer.submit``; a replica refuses every change.
        """
        writer = await self._find_writer()
        written = await asyncio.wrap_future(writer.submit(request))
        if written.proposed and self._proposals is not None:
            self._proposals.note(written.branch, written.notes)
        return written

    async def _find_writer(self) -> Writer:
        if self._writer is None:
            where = self.options.writer_url
            raise ForbiddenError(_NO_WRITER, remedy=f"write to {where}" if where else "")
        made = self._writer.begin()
        return made.result() if made.done() else await asyncio.wrap_future(made)

    async def rehearse(self, requests: Sequence[WriteRequest]) -> Written:
        """Make changes one after the other and check them, without writing them; the answer to the last one.

        Raises:
            RegistryError: One would be refused; as ``write``.
        """
        writer = await self._find_writer()
        return await asyncio.wrap_future(writer.rehearse(requests))

    def begin_writing(self) -> None:
        """Make the writer, before a client has to wait for it."""
        if self._writer is not None:
            self._writer.begin()

    def warnings(self, subject: Subject) -> list[str]:
        """What a person should do something about, as far as a subject may know of it."""
        if not subject.sees_all:
            return []
        unfit = "" if self._writer is None else self._writer.policy_trouble
        reason = self.snapshot.problems.get(SERVE) or unfit
        found = [f"serve.yaml is not followed: {reason}"] if reason else []
        left = self.live.left_line
        return found if left is None else [*found, describe_left_line(left, self.branch)]

    def keep_answer(
        self, scope: RequestScope, subject: Subject, snapshot: Snapshot, answer: Response
    ) -> None:
        """Keep the answer to a read until it may be another one; see ``KeptAnswers.keep``."""
        model = find_subject_model(scope)
        self.answers.keep(scope, subject, snapshot, answer, published=self.snapshot, model=model)

    def describe_proposal(self, written: Written, subject: Subject) -> dict[str, str]:
        """Headers that say that a write was proposed; none where it is published."""
        if not written.proposed or self._proposals is None:
            return {}
        branches = self._proposals.list_open(_author(subject))
        if written.branch not in branches:  # a repeated request, whose proposal is merged
            return {}
        stuck = [name for name, is_stuck in branches.items() if is_stuck]
        return {
            "Registry-Proposal": written.branch,
            **({"Registry-Proposal-Conflict": " ".join(stuck)} if stuck else {}),
        }

    def describe(self, subject: Subject) -> dict[str, JSON]:
        """What ``/status`` shows to a subject: counts and problems of what it may see."""
        snapshot = self.snapshot
        models = [
            m for m in snapshot.models.values() if m.is_listed and subject.sees(m.name.namespace)
        ]
        problems: dict[str, JSON] = {
            path: reason for path, reason in snapshot.problems.items() if is_visible(path, subject)
        }
        return {
            "commit": snapshot.commit,
            "branch": self.branch,
            "mode": self.mode,
            "models": len(models),
            "versions": sum(len(m.version_ids) for m in models),
            "waiting_writes": 0 if self._writer is None else self._writer.waiting,
            "trouble": self.trouble,
            "warnings": [*self.warnings(subject)],
            "problems": problems,
            "pushes": None
            if self._pushes is None
            else {**self._pushes.describe(lambda path: is_visible(path, subject))},
            "proposals": []
            if self._proposals is None
            else self._proposals.describe(lambda path: is_visible(path, subject)),
        }

    def events_between(self, base: str | None, head: str) -> Iterable[dict[str, JSON]]:
        """The CloudEvents of the commits after one (None: from the first) up to another; reads Git.

        Raises:
            NotFoundError: There is no such commit.
        """
        from registry_tool.integrations.cloudevents import cloud_event, derive_source

        with open_registry(self.registry.repository.source, ref=head) as at:
            source = derive_source(at.catalog)
            yield from (cloud_event(entry, source=source) for entry in at.events(base))


def _prepare_live(live: LiveCatalog, branch: str) -> Callable[[Move], None]:
    def moving(move: Move) -> None:
        if move.branch == branch and move.before is not None:
            live.prepare(move.before, move.steps())

    return moving


def _author(subject: Subject) -> Person:
    return Person(subject.name, subject.email)


def _move_live(
    live: LiveCatalog, branch: str, proposals: Proposals, pushes: CheckedPushes
) -> Callable[[Move], None]:
    def moved(move: Move) -> None:
        if move.branch != branch:
            proposals.add(move)
            return
        if move.foreign or move.before is None:
            live.look()
            if move.before is not None:
                pushes.take(move.before, move.after, move.report)
        else:
            proposals.publish(move)
            live.advance(move.before, move.steps())
            pushes.extend(move.before, move.after)

    return moved


def _looking(live: LiveCatalog, proposals: Proposals) -> Callable[[], None]:
    def look() -> None:
        live.look()
        proposals.wake()

    return look


def _open_source(source: str | Path, options: ServiceOptions, stack: ExitStack) -> OwnClone | None:
    """The server's own clone where the source is a URL; its branches are where they are on the remote."""
    from registry_tool.git.remote.url import is_url

    if not (isinstance(source, str) and is_url(source)):
        return None
    from registry_tool.server.own_clone import open_own_clone

    clone = open_own_clone(source, state_folder() / _CLONES)
    stack.callback(clone.close)
    try:
        clone.fetch_all()
    except GitError as exc:
        options.notify(
            f"{clone.shown} cannot be fetched; serving the state of the last fetch: {exc}"
        )
    return clone


@contextmanager
def open_service(source: str | Path, options: ServiceOptions) -> Iterator[Service]:
    """Serve the registry in a folder, a checkout or a bare repository; or that of a URL, from a clone of its own.

    Raises:
        UsageError: It is not a registry, HEAD names no branch, or the mode of ``serve.yaml`` does not fit the repository.
        OperationalError: It cannot be read, or written; or the URL cannot be cloned.
    """
    with ExitStack() as stack:
        clone = _open_source(source, options, stack)
        folder = source if clone is None else clone.git.git_dir
        registry = stack.enter_context(open_registry(folder, ref="HEAD"))
        git = registry.repository.git
        head = git.branch()
        if head is None:
            raise UsageError(
                "HEAD is detached, so there is no branch to serve", remedy="git switch main"
            )
        branch = head.removeprefix(BRANCHES)
        live = LiveCatalog(registry.repository, head, folder=cache_folder() / _CACHE)
        stack.callback(live.close)
        pushes = begin_checking(registry.repository, Path(folder), live, branch)
        stack.callback(pushes.close)
        proposals = _follow_proposals(registry, live, clone, stack)
        writer = None
        if not options.read_only:
            writing = _open_again(registry, clone, stack)
            writer = _prepare_writer(
                writing, live, branch, options, proposals,
                pushes=pushes, is_own_clone=clone is not None,
            )  # fmt: skip
            stack.callback(writer.close)
        live.listen(allow_restoring(live, git))
        live.listen(report_moves(pushes, lambda: None if writer is None else writer.began_at))
        live.start()
        proposals.start()
        if clone is not None:
            stack.callback(clone.close)  # before what it tells of moves
            clone.start(head, _looking(live, proposals))
        service = Service(
            registry, live, writer, branch, options, clone=clone, proposals=proposals, pushes=pushes
        )
        stack.callback(service.close)
        yield service


def _follow_proposals(
    registry: Registry, live: LiveCatalog, clone: OwnClone | None, stack: ExitStack
) -> Proposals:
    files = StateFiles(find_state_folder("proposals", registry.repository.git.git_dir))
    proposals = Proposals(_open_again(registry, clone, stack), lambda: live.snapshot, files)
    stack.callback(proposals.close)
    live.listen(lambda _, new: proposals.published_moved(new))
    return proposals


def _open_again(registry: Registry, clone: OwnClone | None, stack: ExitStack) -> Repository:
    """The repository for another thread."""
    git = registry.repository.git if clone is None else clone.git
    again = Repository(git, source=registry.repository.source)
    stack.callback(again.close)
    return again


def _prepare_writer(
    repository: Repository,
    live: LiveCatalog,
    branch: str,
    options: ServiceOptions,
    proposals: Proposals,
    *,
    pushes: CheckedPushes,
    is_own_clone: bool,
) -> LateWriter:
    from registry_tool.writer.modes import Mode, ServerPolicy, choose_mode

    def choose(policy: ServerPolicy) -> Mode:
        # Other users do not see the server's own clone, and its branches follow the remote's.
        push = options.push or (is_own_clone and policy.write == "branch")
        return choose_mode(repository.git, policy.write, push=push)

    committer = Person.parse(live.snapshot.server_committer)
    mode = choose(ServerPolicy(text(live.snapshot.policy, "write"), committer))
    repository.git.check_trusted()

    def make() -> Writer:
        from registry_tool.live.identities import find_identities
        from registry_tool.writer.writer import Writer

        return Writer(
            repository,
            mode=mode,
            committer=committer,
            choose=choose,
            main=branch,
            on_moving=_prepare_live(live, branch),
            on_moved=_move_live(live, branch, proposals, pushes),
            latest=lambda: live.snapshot.line.last_time,
            find_identities=lambda commit, model: find_identities(live.snapshot, commit, model),
            find_proposed=proposals.list_versions,
            notify=options.notify,
        )

    return LateWriter(make, mode.write)
