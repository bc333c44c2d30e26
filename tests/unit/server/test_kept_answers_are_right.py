"""Kept answers are those that would be made, whatever was written or pushed meanwhile, and an ETag hides no change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import git, run_git
from support.manifests import (
    alias_yaml,
    metadata_yaml,
    model_files,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    version_yaml,
)
from support.written_trains import bare_registry

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.server.http.app import build_app
from registry_tool.server.http.kept_answers import KeptAnswers
from registry_tool.server.kubeflow.face import build_face as build_kubeflow
from registry_tool.server.limits import Limits
from registry_tool.server.mlflow.routes import build_face as build_mlflow
from registry_tool.server.service import Service, ServiceOptions, open_service

_MLFLOW: Final = "/api/2.0/mlflow"
_KUBEFLOW: Final = "/api/model_registry/v1alpha3"
# Who reads: everyone is served from the same memory. What Carol may not do without review is proposed.
_READERS: Final = {
    "ada": local_subject("Ada", "ada@example.org"),
    "bob": Subject("Bob", "bob@example.org", "user", parse_grants(["read:nlp"])),
    "carol": Subject("Carol", "carol@example.org", "user", parse_grants(["write", "delete"])),
}
_NAMES: Final = ("nlp.lang-id", "nlp.other", "ops.pager", "renamed", "nlp.renamed", "lang-id")
_HOME: Final = "models/nlp/lang-id"
_SERVE: Final = "schema: serve/v1\n"


class Step(NamedTuple):
    """Something that happens to the registry: a request of a client, or files that are pushed."""

    who: str = ""
    call: str = ""
    fields: Mapping[str, str] = {}
    files: Mapping[str, str | None] = {}


def _call(method_and_path: str, who: str = "ada", **fields: str) -> Step:
    return Step(who, method_and_path, fields)


def _push(**files: str | None) -> Step:
    return Step(files={path.replace("__", "/"): text for path, text in files.items()})


def _push_to(path: str, text: str | None) -> Step:
    return Step(files={path: text})


_LANG: Final = {"name": "nlp.lang-id"}
_TITLE: Final = "schema: title/v1\ntitle: renamed\n"
# Each is done in any order, again and again; what is refused in a state changes nothing.
_STEPS: Final[Sequence[Step]] = (
    _call("POST registered-models/rename", **_LANG, new_name="renamed"),
    _call("POST registered-models/rename", **_LANG, new_name="nlp.renamed"),
    _call("POST registered-models/rename", name="nlp.renamed", new_name="nlp.lang-id"),
    _call("POST registered-models/create", name="renamed"),
    _call("POST registered-models/create", name="lang-id"),
    _call("DELETE registered-models/delete", name="nlp.renamed"),
    _call("DELETE registered-models/delete", name="nlp.other"),
    _call("PATCH registered-models/update", **_LANG, description="Changed."),
    _call("POST registered-models/set-tag", **_LANG, key="team", value="a"),
    _call("POST model-versions/create", **_LANG, source="s3://bucket/x"),
    _call("POST model-versions/create", name="nlp.other", source="s3://bucket/y"),
    _call("POST model-versions/create", "carol", name="ops.pager", source="s3://bucket/z"),
    _call("DELETE model-versions/delete", **_LANG, version="1"),
    _call("DELETE model-versions/delete", "carol", **_LANG, version="2"),
    _call("POST model-versions/set-tag", **_LANG, version="2", key="edge", value="yes"),
    _call("DELETE model-versions/delete-tag", **_LANG, version="2", key="edge"),
    _call("PATCH model-versions/update", **_LANG, version="2", description="Better."),
    _call("POST registered-models/alias", **_LANG, alias="champion", version="1"),
    _call("POST registered-models/alias", **_LANG, alias="champion", version="2"),
    _call("DELETE registered-models/alias", **_LANG, alias="champion"),
    _call("POST model-versions/transition-stage", **_LANG, version="2", stage="Production"),
    _call("POST model-versions/transition-stage", **_LANG, version="1", stage="Production"),
    _push_to(f"{_HOME}/title.yaml", _TITLE),
    _push_to(f"{_HOME}/title.yaml", None),
    _push_to("models/nlp/other/title.yaml", _TITLE),
    _push_to(f"{_HOME}/versions/2/version.yaml", "no: [manifest"),
    _push_to(f"{_HOME}/versions/2/version.yaml", version_yaml("2")),
    _push_to(f"{_HOME}/versions/2/version.yaml", None),
    _push_to(f"{_HOME}/versions/1/status.yaml", status_yaml("withdrawn", reason="Wrong.")),
    _push_to(f"{_HOME}/versions/1/metadata.yaml", metadata_yaml(metadata={"edge": "yes"})),
    _push_to(f"{_HOME}/model.yaml", "no: [manifest"),
    _push_to(f"{_HOME}/model.yaml", model_yaml(description="New.")),
    _push_to(f"{_HOME}/aliases/champion.yaml", alias_yaml("3")),
    _push_to(f"{_HOME}/aliases/latest.yaml", alias_yaml("2")),
    _push_to(f"{_HOME}/titles/champion.yaml", "schema: title/v1\ntitle: production\n"),
    _push_to("models/renamed/namespace.yaml", namespace_yaml()),
    _push_to("serve.yaml", f"{_SERVE}namespaces: {{mlflow: nlp}}\n"),
    _push_to("serve.yaml", f"{_SERVE}mlflow: {{stages: {{Production: champion}}}}\n"),
    _push_to("serve.yaml", None),
    _push_to("registry.yaml", registry_yaml(version_scheme="free")),
    _push_to("registry.yaml", registry_yaml()),
)  # fmt: skip


def _list_urls() -> Iterator[str]:
    def mlflow(path: str, **query: str) -> str:
        return f"{_MLFLOW}/{path}?{urlencode(query)}"

    for name in _NAMES:
        yield mlflow("registered-models/get", name=name)
        yield mlflow("registered-models/get-latest-versions", name=name)
        yield mlflow("model-versions/search", filter=f"name='{name}'")
        yield mlflow("registered-models/search", filter=f"name='{name}'")
        for alias in ("champion", "latest", "production"):
            yield mlflow("registered-models/alias", name=name, alias=alias)
        for version in "123":
            yield mlflow("model-versions/get", name=name, version=version)
    yield mlflow("model-versions/get-download-uri", name="nlp.lang-id", version="2")
    yield mlflow("model-versions/search", filter="name='nlp.lang-id' AND tags.edge='yes'")
    yield mlflow("model-versions/search", filter="name IN ('nlp.lang-id', 'renamed')")
    yield mlflow("model-versions/search", filter="tags.edge='yes'")
    yield mlflow("registered-models/search", max_results="2")
    for number in range(1, 9):
        yield f"{_KUBEFLOW}/registered_models/{number}"
        yield f"{_KUBEFLOW}/registered_models/{number}/versions"
        yield f"{_KUBEFLOW}/model_versions/{number}"
    yield f"{_KUBEFLOW}/registered_model?name=nlp.lang-id"
    yield f"{_KUBEFLOW}/model_version?parentResourceId=1&name=2"
    yield f"{_KUBEFLOW}/registered_models"


_URLS: Final = tuple(_list_urls())


class Scene:
    """A served registry, and who asks it."""

    def __init__(self, service: Service, bare: Path) -> None:
        self.service = service
        self._bare = bare
        self._start = git(bare, "rev-parse", "main")
        self._moments = count(2_000_000_000)
        self._apps = {name: self._build(one) for name, one in _READERS.items()}
        # Of each ETag at an address the body that it stands for.
        self._tagged: dict[tuple[str, str, str], bytes] = {}

    def _build(self, subject: Subject) -> object:
        faces = [build_mlflow(self.service), build_kubeflow(self.service)]
        authenticator = Authenticator(anonymous=subject)
        return build_app(self.service, faces, authenticator=authenticator, limits=Limits())

    def begin(self) -> None:
        """Go back to the first state: the branch is rewound, and its proposals are gone."""
        git(self._bare, "update-ref", "refs/heads/main", self._start)
        for ref in git(
            self._bare, "for-each-ref", "--format=%(refname)", "refs/heads/serve"
        ).split():
            git(self._bare, "update-ref", "-d", ref)
        self._look()

    def _look(self) -> None:
        self.service.live.look()
        self.service._proposals.look()  # type: ignore[union-attr]  # a service has them

    def do(self, step: Step) -> None:
        """Do what a step says."""
        if step.call:
            method, path = step.call.split(" ")
            given = dict(step.fields)
            asyncio.run(
                self._send(
                    step.who, [httpx.Request(method, f"{_HOST}{_MLFLOW}/{path}", json=given)]
                )
            )
            return
        lines = [
            f"commit refs/heads/main\ncommitter P <p@example.org> {next(self._moments)} +0000\n"
        ]
        lines += ["data 4\nPush\nfrom refs/heads/main^0\n"]
        for path, text in step.files.items():
            lines.append(
                f"D {path}\n"
                if text is None
                else f"M 644 inline {path}\ndata {len(text.encode())}\n{text}\n"
            )
        run_git(self._bare, "fast-import", "--quiet", stdin="".join(lines).encode())
        self._look()

    async def _send(
        self, who: str, requests: Sequence[httpx.Request], *, app: object = None
    ) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app or self._apps[who], raise_app_exceptions=False)  # type: ignore[arg-type]  # an ASGI application
        async with httpx.AsyncClient(transport=transport) as client:
            return [await client.send(request) for request in requests]

    def compare(self) -> None:
        """Every reader gets what would be made now, and a tag of earlier says so only if it is the same."""
        for who, subject in _READERS.items():
            fresh = self._ask_anew(who, subject)
            for _ in range(2):  # the second time, what the first has kept
                for url, found in zip(_URLS, self._ask(who), strict=True):
                    assert (found.status_code, found.content) == fresh[url], (who, url)
                    self._note(who, url, found)
            self._ask_with_tags(who, fresh)

    def _ask(self, who: str) -> list[httpx.Response]:
        return asyncio.run(self._send(who, [httpx.Request("GET", _HOST + url) for url in _URLS]))

    def _ask_anew(self, who: str, subject: Subject) -> dict[str, tuple[int, bytes]]:
        kept, self.service.answers = self.service.answers, KeptAnswers()
        requests = [httpx.Request("GET", _HOST + url) for url in _URLS]
        found = asyncio.run(self._send(who, requests, app=self._build(subject)))
        self.service.answers = kept
        return {url: (one.status_code, one.content) for url, one in zip(_URLS, found, strict=True)}

    def _note(self, who: str, url: str, found: httpx.Response) -> None:
        if found.status_code == 200:
            tag = found.headers["etag"]
            assert self._tagged.setdefault((who, url, tag), found.content) == found.content, url

    def _ask_with_tags(self, who: str, fresh: Mapping[str, tuple[int, bytes]]) -> None:
        asked = [(url, tag, body) for (of, url, tag), body in self._tagged.items() if of == who]
        requests = [
            httpx.Request("GET", _HOST + url, headers={"If-None-Match": tag})
            for url, tag, _ in asked
        ]
        answers = asyncio.run(self._send(who, requests))
        for (url, _, body), answer in zip(asked, answers, strict=True):
            if answer.status_code == 304:
                assert fresh[url] == (200, body), url
            else:
                assert (answer.status_code, answer.content) == fresh[url], url


_HOST: Final = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    files = {
        **model_files("nlp/other"), **model_files("ops/pager"),
        "models/ops/namespace.yaml": namespace_yaml(),
        f"{_HOME}/aliases/production.yaml": alias_yaml("1"),
    }  # fmt: skip
    bare = bare_registry(tmp_path_factory.mktemp("scene"), files)
    with open_service(bare, ServiceOptions()) as service:
        service.public_url = _HOST
        yield Scene(service, bare)


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(steps=st.lists(st.sampled_from(_STEPS), min_size=4, max_size=8))
def test_kept_answers_are_those_that_would_be_made(scene: Scene, steps: list[Step]) -> None:
    scene.begin()
    scene.compare()
    for step in steps:
        scene.do(step)
        scene.compare()
