"""The requests of the app: pages, forms, reviews and commits."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registry_tool.access.subjects import ALL_SCOPES, Scope, Subject
from registry_tool.api.changes.session import write
from registry_tool.api.promotion import GateResults, evaluate_gates
from registry_tool.api.registry import Registry, open_registry
from registry_tool.checks.findings import Report
from registry_tool.errors import ForbiddenError, NotFoundError, RegistryError, UsageError
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.remote.ref_updates import BRANCHES
from registry_tool.names import ModelName, Reference
from registry_tool.promotion.stages import Stage, list_stages
from registry_tool.server.events import is_visible
from registry_tool.server.http.faces import current_subject
from registry_tool.server.service import Service
from registry_tool.web.app.acts import ACTS, Act, ActTarget
from registry_tool.web.app.answers import answer_file, answer_page
from registry_tool.web.app.changes import FileMovedError, PlannedChange, plan_change
from registry_tool.web.app.commits import CommitView, list_commits_of, view_commit
from registry_tool.web.app.fields import Field
from registry_tool.web.app.form_request import SentForm, is_branch_name, read_form
from registry_tool.web.app.session import FormTokens, check_origin
from registry_tool.web.app.state import PageState, find_model_of
from registry_tool.web.app.views import FormView, Trouble, merge_values
from registry_tool.web.views.gates import describe_gates
from registry_tool.writer.request import Person, WriteRequest

__all__ = ["AppHandlers"]

_API: Final = "ui"
_LONGEST_VALUE: Final = 1000  # of a field in an address


@dataclass(frozen=True)
class _Asked:
    """What the address of a form names."""

    name: str
    act: Act
    model: ModelName
    version: str
    subject: Subject

    @property
    def reference(self) -> Reference:
        return Reference(self.model, self.version)


def _chooses_branches(subject: Subject) -> bool:
    """True for who may do everything, such as the local user: other branches may have a meaning that scopes do not know."""
    return all(subject.may_everywhere(scope) for scope in ALL_SCOPES)


def _read_address(request: Request) -> _Asked:
    name = request.path_params["act"]
    version = request.path_params.get("version", "")
    act = ACTS.get(name)
    if act is None or act.is_about_version != bool(version):
        raise NotFoundError("the app has no such form")
    model = ModelName(request.path_params["namespace"], request.path_params["model"])
    return _Asked(name, act, model, version, current_subject(request))


def _open_target(registry: Registry, asked: _Asked) -> ActTarget:
    """What a form is about, at one commit.

    Raises:
        NotFoundError: It does not exist there.
    """
    model = registry.catalog.model(asked.model)
    if model is None:
        raise NotFoundError(f"model {asked.model} does not exist")
    version = None
    if asked.version:
        version = model.version(asked.version) or model.draft(asked.version)
        if version is None:
            raise NotFoundError(f"{asked.model} has no version {asked.version}")
    git = registry.repository.git
    line = FirstParentHistory(git, registry.commit or registry.repository.commit("HEAD"))
    return ActTarget(model, version, list_stages(registry.catalog, asked.model.namespace), line)


def _fill(fields: tuple[Field, ...], values: dict[str, str]) -> tuple[Field, ...]:
    return tuple(replace(one, value=values.get(one.name, one.value)) for one in fields)


class AppHandlers:
    """The handlers, over a service.

    Args:
        service: What is served.
        state: Its pages.
    """

    def __init__(self, service: Service, state: PageState) -> None:
        self._service = service
        self._state = state
        self._tokens = FormTokens()

    # --- pages

    async def show_page(self, request: Request) -> Response:
        """``GET`` of a page, its data or an asset."""
        path = request.url.path.removeprefix("/")
        path = path if path and not path.endswith("/") else f"{path}index.html"
        subject, model = current_subject(request), find_model_of(path)
        if model is not None:
            self._service.require(subject, "read", model.namespace)
        elif not path.startswith("assets/") and not subject.sees_all:
            raise ForbiddenError("this page is about all namespaces, and you may not read all of them")  # fmt: skip
        found = await asyncio.to_thread(self._state.find, path)
        if found is None:
            raise NotFoundError("the registry has no such page")
        return answer_file(request, found)

    async def show_commit(self, request: Request) -> Response:
        """``GET`` of the page after an act."""
        commit, branch = request.path_params["commit"], request.query_params.get("branch", "")
        branch = branch if is_branch_name(branch) else ""
        view = await asyncio.to_thread(self._view_commit, commit)
        subject = current_subject(request)
        if not all(is_visible(path, subject) for path in view.paths):
            raise NotFoundError("the registry has no such commit")
        main = self._service.branch
        return answer_page(
            "commit.html", site=self._site(), commit=view, branch=branch or main, main=main,
            model=self._model_in(view), is_main=branch in {"", main},
        )  # fmt: skip

    def _site(self) -> str:
        with self._state.newest() as source:
            return source.name

    def _view_commit(self, commit: str) -> CommitView:
        with self._state.newest() as source:
            return view_commit(source.registry, commit)

    def _model_in(self, view: CommitView) -> str:
        layout = self._service.snapshot.layout
        places = filter(None, map(layout.locate, view.paths))
        return next((str(place.model) for place in places if place.model is not None), "")

    # --- forms

    async def show_form(self, request: Request) -> Response:
        """``GET`` of a form; values in the query fill it in."""
        asked = self._begin(request)
        values = {k: v for k, v in request.query_params.items() if len(v) < _LONGEST_VALUE}
        form = await asyncio.to_thread(self._open_form, asked, values)
        return self._answer_form(request, await self._add_gates(asked, form))

    def _begin(self, request: Request) -> _Asked:
        asked = _read_address(request)
        self._service.require(asked.subject, "read", asked.model.namespace)
        if not self._service.writes:
            raise ForbiddenError("this server only reads", remedy="start registry ui without --ref")
        return asked

    def _open_form(self, asked: _Asked, values: dict[str, str]) -> FormView:
        with self._state.newest() as source:
            target = _open_target(source.registry, asked)
            fields = _fill(asked.act.fields(target), values)
            at = source.commit
        return FormView(
            asked.act, asked.name, str(asked.reference), str(asked.model), asked.version, fields, at,
            secrets.token_hex(16), "", self._service.branch, chooses_branch=_chooses_branches(asked.subject),
        )  # fmt: skip

    async def _add_gates(self, asked: _Asked, form: FormView) -> FormView:
        """The form with the gates of the stage that it is about."""
        if not asked.act.has_gates:
            return form
        field = next(one for one in form.fields if one.name == "stage")
        chosen = field.value if field.value in dict(field.options) else ""
        chosen = chosen or next((value for value, _ in field.options), "")
        if not chosen:
            missing = "registry.yaml has no stages"
            return replace(form, trouble=Trouble("This cannot be promoted", missing))
        fields = tuple(replace(f, value=chosen) if f is field else f for f in form.fields)
        try:
            gates = await asyncio.to_thread(self._evaluate, asked, form.at, chosen)
        except RegistryError as exc:
            trouble = form.trouble or Trouble.of(exc, "This cannot be promoted")
            return replace(form, fields=fields, trouble=trouble)
        error = gates.error()
        stages = await asyncio.to_thread(self._list_stages, asked)
        outlook = describe_gates(stages[chosen], gates)
        blocked = "" if error is None else error.message
        return replace(form, fields=fields, gates=outlook, blocked=blocked)

    def _list_stages(self, asked: _Asked) -> Mapping[str, Stage]:
        with self._state.newest() as source:
            return source.stages(asked.model.namespace)

    def _evaluate(self, asked: _Asked, at: str, stage: str) -> GateResults:
        with open_registry(self._service.registry.repository.source, ref=at) as registry:
            return evaluate_gates(registry, str(asked.reference), stage, branch=self._service.branch)  # fmt: skip

    def _answer_form(self, request: Request, form: FormView, status: int = 200) -> Response:
        return self._answer(request, "form.html", form, status)

    def _answer(
        self, request: Request, template: str, form: FormView, status: int = 200, **values: object
    ) -> Response:
        cookie, token = self._tokens.give(request)
        form = replace(form, token=token)
        response = answer_page(template, status=status, site=self._site(), form=form, **values)
        self._tokens.keep(response, cookie, is_secure=request.url.scheme == "https")
        return response

    # --- what is sent

    async def take_form(self, request: Request) -> Response:
        """``POST`` of a form: the form again, its review, or the commit."""
        check_origin(request)
        asked, sent = self._begin(request), await read_form(request)
        try:
            return await self._take(request, asked, sent)
        except FileMovedError as exc:
            form = await asyncio.to_thread(self._merge, asked, sent, exc)
            return self._answer_form(request, await self._add_gates(asked, form), 409)
        except RegistryError as exc:
            return await self._show_again(request, asked, sent, Trouble.of(exc))

    async def _take(self, request: Request, asked: _Asked, sent: SentForm) -> Response:
        if not self._tokens.is_valid(request, sent.token):
            trouble = Trouble(
                "The form is too old",
                "the server was restarted, or cookies are off; nothing was written",
                ("check the form and send it again",),
            )
            return await self._show_again(request, asked, sent, trouble)
        if sent.step == "form":
            return await self._show_again(request, asked, sent, None)
        if asked.act.explanation and sent.confirmation != str(asked.reference):
            raise UsageError(
                "the name that you typed is not that of this act", remedy=f"type {asked.reference}"
            )
        sent.check_branch()
        if sent.branch == self._service.branch:
            sent = replace(sent, branch="")
        if sent.branch and not _chooses_branches(asked.subject):
            raise ForbiddenError("you may not choose the branch of a commit")
        base = await asyncio.to_thread(self._choose_base, sent)
        plan, scopes = await asyncio.to_thread(self._plan, asked, sent, base)
        for scope in scopes:
            self._service.require(asked.subject, scope, asked.model.namespace)
        if plan.is_empty:
            message = plan.change.message or "the values are what they were"
            raise UsageError(f"there is nothing to change: {message}")
        if asked.act.has_gates:
            await self._require_gates(asked, sent, base)
        if sent.step == "review" and not asked.act.explanation:
            return await self._review(request, asked, replace(sent, at=base), plan)
        return await self._commit(asked, sent, plan)

    def _choose_base(self, sent: SentForm) -> str:
        """The commit that the change is made on first: the form's own, or the tip of another branch."""
        with self._state.newest() as source:
            if not sent.branch:
                return sent.at or source.commit
            if sent.step == "commit" and sent.at:
                return sent.at
            git = source.registry.repository.git
            found = git.run("for-each-ref", "--format=%(objectname)", f"{BRANCHES}{sent.branch}")
            return found.decode().strip() or source.commit

    def _plan(
        self, asked: _Asked, sent: SentForm, base: str
    ) -> tuple[PlannedChange, tuple[Scope, ...]]:
        with self._state.at(base) as registry:
            target = _open_target(registry, asked)
            edit = asked.act.edit(target, sent.values)
            return plan_change(edit, registry.catalog), asked.act.scopes(target, sent.values)

    async def _require_gates(self, asked: _Asked, sent: SentForm, base: str) -> None:
        gates = await asyncio.to_thread(self._evaluate, asked, base, sent.values.get("stage", ""))
        if error := gates.error():
            raise error

    def _request(self, asked: _Asked, sent: SentForm, plan: PlannedChange) -> WriteRequest:
        who = asked.subject
        said = repr((asked.name, str(asked.reference), sorted(sent.values.items()), sent.at))
        return WriteRequest(
            plan.edit, Person(who.name, who.email), api=_API, request_id=sent.key,
            content=hashlib.sha256(said.encode()).hexdigest(),
            may_review=who.may("review", asked.model.namespace), about=asked.model,
        )  # fmt: skip

    async def _review(
        self, request: Request, asked: _Asked, sent: SentForm, plan: PlannedChange
    ) -> Response:
        report: Report | None = None
        branch = sent.branch or self._service.branch
        if not sent.branch:
            written = await self._service.rehearse([self._request(asked, sent, plan)])
            report, branch = written.report, written.branch
        form = await asyncio.to_thread(self._open_form, asked, dict(sent.values))
        form = replace(form, at=sent.at, key=sent.key or form.key, branch=sent.branch)
        return self._answer(
            request, "review.html", form, plan=plan, report=report, target=branch
        )  # fmt: skip

    async def _commit(self, asked: _Asked, sent: SentForm, plan: PlannedChange) -> Response:
        if sent.branch:
            commit = await asyncio.to_thread(self._write_branch, asked, sent, plan)
            branch: str = sent.branch
        else:
            written = await self._service.write(self._request(asked, sent, plan))
            commit, branch = written.commit, written.branch
        if commit is None:
            raise UsageError("there is nothing to change")
        address = f"/-/commit/{commit}?branch={quote(branch, safe='')}"
        return RedirectResponse(address, 303, {"Cache-Control": "no-store"})

    def _write_branch(self, asked: _Asked, sent: SentForm, plan: PlannedChange) -> str | None:
        """Commit to another branch, as ``--branch`` of the commands does."""
        author = Person(asked.subject.name, asked.subject.email)
        with open_registry(self._service.registry.repository.source) as registry:
            done = write(
                registry, plan.edit, {"commit": True, "branch": sent.branch, "author": author}
            )
        return done.commit

    # --- the form again

    async def _show_again(
        self, request: Request, asked: _Asked, sent: SentForm, trouble: Trouble | None
    ) -> Response:
        """The form with everything that was typed."""
        form = await asyncio.to_thread(self._open_form, asked, dict(sent.values))
        form = replace(
            form, at=sent.at or form.at, key=sent.key or form.key, branch=sent.branch, trouble=trouble,
            confirmation=sent.confirmation,
        )  # fmt: skip
        form = await self._add_gates(asked, form)
        return self._answer_form(request, form, 200 if trouble is None else 422)

    def _merge(self, asked: _Asked, sent: SentForm, error: FileMovedError) -> FormView:
        """The form at the newest commit after another user's, with what was typed."""
        fields: Callable[[ActTarget], tuple[Field, ...]] = asked.act.fields
        with self._state.newest() as source:
            target = _open_target(source.registry, asked)
            now, tip = fields(target), source.commit
            commits = list_commits_of(source.registry, sent.at, tip, [error.path])
        with self._state.at(sent.at or tip) as registry:
            before = {one.name: one.value for one in fields(_open_target(registry, asked))}
        values, others = merge_values(sent.values, before, {one.name: one.value for one in now})
        trouble = Trouble(
            "Another commit came first", error.message, (error.remedy,), (), tuple(commits)
        )  # fmt: skip
        return FormView(
            asked.act, asked.name, str(asked.reference), str(asked.model), asked.version,
            _fill(now, values), tip, secrets.token_hex(16), "", self._service.branch, sent.branch,
            sent.confirmation, trouble, now=others, chooses_branch=_chooses_branches(asked.subject),
        )  # fmt: skip
