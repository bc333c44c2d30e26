"""Model versions by manifest: one test for each feature id of TrueFoundry's protocol, and every limit of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
from support import git
from support.manifests import registry_yaml
from support.served_apps import Reply, ServedApp, serve_app

from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.edits.sealing import seal
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference
from registry_tool.server.truefoundry import build_face
from registry_tool.writer.request import Person, WriteRequest

PREFIX: Final = "/api/svc/v1"
ADA: Final = Person("Ada", "ada@example.org")
MODEL: Final = ModelName("speech", "lang-id")
Manifest = dict[str, JSON]


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry({"registry.yaml": registry_yaml()})


@pytest.fixture
def app(folder: Path) -> Iterator[ServedApp]:
    with serve_app(folder, build_face, prefix=PREFIX) as served:
        yield served


def manifest(**changes: JSON) -> Manifest:
    found: Manifest = {
        "type": "model-version",
        "name": "lang-id",
        "ml_repo": "speech",
        "metadata": {},
        "source": {"type": "external", "uri": "s3://bucket/1"},
    }
    return {key: value for key, value in {**found, **changes}.items() if value is not None}


def put(app: ServedApp, **changes: JSON) -> Reply:
    return app.ask("PUT", "model-versions", {"manifest": manifest(**changes)})


def added(app: ServedApp, **changes: JSON) -> dict[str, JSON]:
    reply = put(app, **changes)
    assert reply.status == 200, reply.data
    return cast("dict[str, JSON]", reply.data["data"])


def shown(version: dict[str, JSON]) -> Manifest:
    return cast("Manifest", version["manifest"])


def listed(app: ServedApp, query: str = "") -> list[dict[str, JSON]]:
    reply = app.ask("GET", f"model-versions?{query}")
    return cast("list[dict[str, JSON]]", reply.data["data"])


def refused(reply: Reply) -> tuple[int, str]:
    assert reply.data["statusCode"] == reply.status
    return reply.status, str(reply.data["message"])


def seal_version(app: ServedApp, number: str) -> None:
    import asyncio

    request = WriteRequest(seal(Reference(MODEL, number)), ADA)
    asyncio.run(app.service.write(request))


def test_t1_a_put_adds_version_1_and_the_model_then_the_next_or_edits_the_named_one(
    app: ServedApp,
) -> None:
    first = added(app)
    assert first["fqn"] == "model:acme-models/speech/lang-id:1"
    assert added(app)["fqn"] == "model:acme-models/speech/lang-id:2"
    edited = added(app, version=1, description="First.")
    assert edited["id"] == first["id"]
    assert shown(edited)["description"] == "First."
    assert added(app)["fqn"] == "model:acme-models/speech/lang-id:3"
    assert added(app, version=7)["fqn"] == "model:acme-models/speech/lang-id:7"
    assert added(app)["fqn"] == "model:acme-models/speech/lang-id:8"


FRAMEWORKS: Final[list[Manifest]] = [
    {"type": "transformers", "library_name": "sentence-transformers", "pipeline_tag": "Any Task", "base_model": "org/base"},
    {"type": "transformers", "pipeline_tag": "text-classification"},
    {"type": "sklearn", "model_filepath": "model.joblib", "serialization_format": "joblib", "model_schema": {
        "infer_method_name": "predict_proba", "inputs": [{"name": "x", "type": "float", "shape": [1, 2]}], "outputs": [],
    }},
    {"type": "xgboost", "serialization_format": "json", "model_filepath": "m.json"},
    {"type": "xgboost", "model_schema": {"infer_method_name": "predict", "inputs": [{"any": {"thing": [1]}}], "outputs": []}},
    {"type": "tensorflow"}, {"type": "pytorch"}, {"type": "keras"}, {"type": "lightgbm"}, {"type": "fastai"}, {"type": "h2o"},
    {"type": "onnx"}, {"type": "spacy"}, {"type": "statsmodels"}, {"type": "gluon"}, {"type": "paddle"},
    {"type": "pytorch", "of a later release": [1]},
]  # fmt: skip


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda one: str(one["type"]))
def test_t9_to_t12_every_framework_reads_back_equal(app: ServedApp, framework: Manifest) -> None:
    assert shown(added(app, framework=framework))["framework"] == framework


GIVEN: Final[dict[str, JSON]] = {
    "name": "A_b-" + "c" * 252,
    "ml_repo": "Speech-Team",
    "metadata": {".dotted": 1, "deep": {"a": [1, 2.5, None, True, "x"]}, "": "empty", "null": None},
    "description": "d" * 512,
    "version_alias": "v" + "1.A-" * 30 + "b",
    "step": 9007199254740991,
    "run_id": "a run with blanks",
    "environment": {"python_version": "3.11.0rc1", "pip_packages": ["numpy==2.1.0", "a @ https://x/y.whl"]},
    "source": {"type": "external", "uri": "wasbs://container@account/x?y=ü"},
    "later": {"field": [1]},
}  # fmt: skip


def test_t2_to_t13_every_field_at_its_limit_reads_back_equal(app: ServedApp) -> None:
    version = added(app, **GIVEN)
    expected = manifest(**GIVEN) | {"version": 1}
    assert shown(version) == expected
    again = app.ask("GET", f"model-versions/{version['id']}").data["data"]
    assert again == version


@pytest.mark.parametrize(
    "source",
    [
        {"type": "external", "uri": "gs://bucket/a b".replace(" ", "%20")},
        {"type": "local", "file_or_folder": "./models/lang id"},
        {"type": "local", "file_or_folder": "./model"},
        {"type": "truefoundry"},
    ],
)
def test_t5_every_source_reads_back_equal(app: ServedApp, source: Manifest) -> None:
    assert shown(added(app, source=source))["source"] == source


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "artifact-version"}, "manifest.type"),
        ({"name": ""}, "manifest.name"),
        ({"name": "a/b"}, "manifest.name"),
        ({"name": "x" * 257}, "manifest.name"),
        ({"name": 7}, "manifest.name"),
        ({"ml_repo": "ab"}, "manifest.ml_repo"),
        ({"ml_repo": "1ab"}, "manifest.ml_repo"),
        ({"ml_repo": "ab-"}, "manifest.ml_repo"),
        ({"ml_repo": "a" * 101}, "manifest.ml_repo"),
        ({"metadata": []}, "manifest.metadata"),
        ({"metadata": {str(n): n for n in range(1001)}}, "manifest.metadata"),
        ({"source": {"type": "external"}}, "manifest.source.uri"),
        ({"source": {"type": "external", "uri": "https://x/y"}}, "manifest.source.uri"),
        ({"source": {"type": "local"}}, "manifest.source.file_or_folder"),
        ({"source": {"type": "s3"}}, "manifest.source.type"),
        ({"source": {}}, "manifest.source.type"),
        ({"source": "s3://bucket"}, "manifest.source"),
        ({"description": "d" * 513}, "manifest.description"),
        ({"version_alias": "v"}, "manifest.version_alias"),
        ({"version_alias": "1.0"}, "manifest.version_alias"),
        ({"version_alias": "v1."}, "manifest.version_alias"),
        ({"version_alias": "v" + "1" * 128}, "manifest.version_alias"),
        ({"version": 0}, "manifest.version"),
        ({"version": "1"}, "manifest.version"),
        ({"version": True}, "manifest.version"),
        ({"step": -1}, "manifest.step"),
        ({"step": 1.5}, "manifest.step"),
        ({"run_id": ""}, "manifest.run_id"),
        ({"framework": {"type": "catboost"}}, "manifest.framework.type"),
        ({"framework": {}}, "manifest.framework.type"),
        ({"framework": {"type": "transformers", "library_name": "x"}}, "manifest.framework.library_name"),
        ({"framework": {"type": "sklearn", "serialization_format": "json"}}, "manifest.framework.serialization_format"),
        ({"framework": {"type": "xgboost", "model_schema": {"infer_method_name": "predict_proba", "inputs": [], "outputs": []}}},
         "manifest.framework.model_schema.infer_method_name"),
        ({"framework": {"type": "sklearn", "model_schema": {"infer_method_name": "predict"}}},
         "manifest.framework.model_schema.inputs"),
        ({"environment": {"python_version": "three"}}, "manifest.environment.python_version"),
        ({"environment": {"pip_packages": "numpy"}}, "manifest.environment.pip_packages"),
        ({"environment": {"pip_packages": [1]}}, "manifest.environment.pip_packages.0"),
        ({"metadata": {"a": ["\0"]}}, "manifest.metadata.a.0"),
        ({"metadata": {"a": "x" * 300_000}}, "manifest"),
    ],
)  # fmt: skip
def test_each_bad_value_is_refused_with_its_field(
    app: ServedApp, change: Manifest, field: str
) -> None:
    status, message = refused(put(app, **change))
    assert status == 422
    assert message.partition(": ")[0] == field
    assert app.ask("GET", "model-versions").data["pagination"] == {
        "total": 0, "offset": 0, "limit": 100,
    }  # fmt: skip


@pytest.mark.parametrize("missing", ["type", "name", "metadata", "source"])
def test_each_missing_field_is_refused_with_its_name(app: ServedApp, missing: str) -> None:
    assert refused(put(app, **{missing: None})) == (
        422, f"manifest.{missing}: the field is required",
    )  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"manifest": ' + b"[" * 2000])
def test_a_body_that_is_not_an_object_is_refused(app: ServedApp, content: bytes) -> None:
    reply = app.ask("PUT", "model-versions", content=content)
    assert reply.status in {400, 422}
    assert reply.data["statusCode"] == reply.status


def test_a_draft_can_be_corrected_and_a_sealed_version_keeps_what_deployments_use(
    app: ServedApp, folder: Path
) -> None:
    added(app, framework={"type": "onnx"})
    source: Manifest = {"type": "external", "uri": "s3://bucket/2"}
    corrected = added(
        app, version=1, framework={"type": "keras"}, source=source, step=3, run_id="r1",
        environment={"python_version": "3.11"},
    )  # fmt: skip
    expected: Manifest = {
        "framework": {"type": "keras"}, "source": source, "step": 3, "run_id": "r1",
        "environment": {"python_version": "3.11"},
    }  # fmt: skip
    assert shown(corrected).items() >= expected.items()
    assert "framework" not in shown(added(app, version=1, source=source))
    last = shown(added(app, version=1, **expected))
    seal_version(app, "1")
    edited: Manifest = {**last, "description": "Edited.", "metadata": {"a": 1}}
    assert shown(added(app, **edited)) == edited
    assert "description" not in shown(added(app, **last))
    frozen: list[tuple[str, JSON]] = [
        ("framework", {"type": "onnx"}), ("framework", None), ("environment", None), ("step", 4), ("run_id", "r2"),
        ("source", {"type": "external", "uri": "s3://bucket/3"}),
    ]  # fmt: skip
    for field, value in frozen:
        changed: Manifest = {**last, field: value}
        status, message = refused(put(app, **changed))
        assert (status, message.partition(": ")[0]) == (422, f"manifest.{field}")
        assert "is sealed" in message
    git(folder, "fsck")


def test_an_alias_seals_is_unique_and_can_be_changed(app: ServedApp) -> None:
    first = added(app, version_alias="v1.0.0")
    assert app.service.snapshot.version(MODEL, "1").is_draft is False  # type: ignore[union-attr]  # it exists
    assert refused(put(app, version_alias="v1.0.0")) == (
        422, "manifest.version_alias: 'v1.0.0' is the alias of version 1",
    )  # fmt: skip
    second = added(app)
    assert app.service.snapshot.version(MODEL, "2").is_draft is True  # type: ignore[union-attr]  # it exists
    assert refused(put(app, version=2, version_alias="v1.0.0"))[0] == 422
    sealed = added(app, version=2, version_alias="v2-Prod", metadata={"a": 1})
    assert (sealed["id"], shown(sealed)["version_alias"]) == (second["id"], "v2-Prod")
    assert app.service.snapshot.version(MODEL, "2").is_draft is False  # type: ignore[union-attr]  # it exists
    renamed = added(app, version=1, version_alias="v1.0.1", description="Renamed.")
    assert (renamed["id"], shown(renamed)["version_alias"]) == (first["id"], "v1.0.1")
    assert "version_alias" not in shown(added(app, version=1))
    assert shown(added(app, version=2, version_alias="v1.0.0"))["version_alias"] == "v1.0.0"


def test_a_subject_without_review_may_do_all_of_this(make_registry: Callable[..., Path]) -> None:
    subject = Subject("Bob", "bob@example.org", "service", parse_grants(["write:speech"]))
    folder = make_registry({"registry.yaml": registry_yaml()})
    with serve_app(folder, build_face, prefix=PREFIX, subject=subject) as app:
        added(app, version_alias="v1")
        added(app, description="A draft.")
        sealed = added(app, version=2, version_alias="v2", description="Sealed.", metadata={"a": 1})
        assert shown(sealed)["description"] == "Sealed."
        moved = added(app, version=2, version_alias="v3", metadata={"a": 2})
        assert shown(moved)["version_alias"] == "v3"
        assert moved["created_by_subject"] == {
            "subjectId": "bob@example.org", "subjectType": "serviceaccount", "subjectSlug": "bob@example.org",
            "subjectDisplayName": "Bob",
        }  # fmt: skip
        assert refused(put(app, ml_repo="vision"))[0] == 403
        assert refused(app.ask("DELETE", f"model-versions/{moved['id']}"))[0] == 403


def test_t14_the_answer_has_every_field(app: ServedApp) -> None:
    version = added(app, framework={"type": "onnx"}, version_alias="v1")
    assert version.keys() == {
        "id", "fqn", "created_by_subject", "ml_repo_id", "model_id", "created_at", "updated_at", "manifest",
        "usage_code_snippet", "tags", "metrics", "deployable",
    }  # fmt: skip
    assert str(version["ml_repo_id"]).isdigit()
    assert str(version["created_at"]).endswith("Z")
    assert version["created_at"] <= version["updated_at"]  # type: ignore[operator]  # two texts


@pytest.mark.parametrize(
    ("framework", "source", "deployable"),
    [
        (None, "external", False),
        ({"type": "onnx"}, "external", True),
        ({"type": "onnx"}, "local", False),
        ({"type": "onnx"}, "truefoundry", False),
        ({"type": "sklearn"}, "external", False),
        ({"type": "sklearn", "model_filepath": "m"}, "external", False),
        ({"type": "sklearn", "model_filepath": "m", "serialization_format": "joblib"}, "external", True),
        ({"type": "xgboost", "model_filepath": "m", "serialization_format": "json"}, "external", True),
    ],
)  # fmt: skip
def test_t22_deployable_follows_from_what_is_recorded(
    app: ServedApp,
    framework: JSON,
    source: str,
    deployable: bool,  # noqa: FBT001 (a parameter of pytest)
) -> None:
    sources: dict[str, JSON] = {
        "external": {"type": "external", "uri": "s3://b/c"},
        "local": {"type": "local", "file_or_folder": "m"},
        "truefoundry": {"type": "truefoundry"},
    }
    assert added(app, framework=framework, source=sources[source])["deployable"] is deployable


def test_t18_lists_are_newest_first_and_every_filter_works(app: ServedApp) -> None:
    for number in range(1, 4):
        added(app, run_id=f"r{number % 2}", step=number)
    other = added(app, name="other", ml_repo="vision")
    tagged = listed(app, "version=2&name=lang-id")[0]
    body: JSON = {"model_version_id": tagged["id"], "tags": ["best", "Grün"]}
    assert app.ask("PUT", "model-versions/tags", body).status == 200

    def names(query: str) -> list[str]:
        return [str(one["fqn"]).rpartition("/")[2] for one in listed(app, query)]

    every = ["other:1", "lang-id:3", "lang-id:2", "lang-id:1"]
    assert names("") == every
    assert names("limit=2&offset=1") == every[1:3]
    assert names("offset=9") == []
    assert names("fqn=model:acme-models/speech/lang-id:3") == ["lang-id:3"]
    assert names("fqn=model:acme-models/speech/lang-id:best") == ["lang-id:2"]
    assert names("fqn=model:acme-models/speech/lang-id:latest") == ["lang-id:3"]
    assert names("fqn=model:elsewhere/speech/lang-id:3") == []
    assert names("tag=best") == ["lang-id:2"]
    assert names("tag=Gr%C3%BCn") == ["lang-id:2"]
    assert names("name=lang-id&version=1") == ["lang-id:1"]
    assert names(f"model_id={other['model_id']}") == ["other:1"]
    assert names(f"ml_repo_id={other['ml_repo_id']}") == ["other:1"]
    assert names("run_ids=r1") == ["lang-id:3", "lang-id:1"]
    assert names("run_ids=r1&run_ids=r0&run_steps=2.0&run_steps=3") == ["lang-id:3", "lang-id:2"]
    assert names(f"run_ids=r1&ml_repo_id={other['ml_repo_id']}") == []
    for bad in ("limit=0", "offset=-1", "version=x", "run_steps=x"):
        assert app.ask("GET", f"model-versions?{bad}").status == 422


def test_t23_deleted_versions_are_gone_and_their_numbers_stay_used(app: ServedApp) -> None:
    draft, sealed = added(app), added(app, version_alias="v2")
    for version in (draft, sealed):
        assert app.ask("DELETE", f"model-versions/{version['id']}").status == 200
        assert app.ask("GET", f"model-versions/{version['id']}").status == 404
        assert app.ask("DELETE", f"model-versions/{version['id']}").status == 404
    assert added(app, version_alias="v2")["fqn"] == "model:acme-models/speech/lang-id:3"
    assert refused(put(app, version=1))[0] == 422
    assert refused(put(app, version=2))[0] == 422


def test_names_that_truefoundry_does_not_allow_have_one_that_it_does(
    make_registry: Callable[..., Path],
) -> None:
    from support.manifests import small_registry

    files = {path.replace("nlp", "a_b"): text.replace("nlp", "a_b") for path, text in small_registry().items()}  # fmt: skip
    with serve_app(make_registry(files), build_face, prefix=PREFIX) as app:
        found = listed(app)
        fqn = str(found[0]["fqn"])
        assert fqn.startswith("model:acme-models/a-b-")
        assert listed(app, f"fqn={fqn}") == found[:1]
        changed: Manifest = {**shown(found[0]), "metadata": {"a": 1}}
        assert added(app, **changed)["fqn"] == fqn


def test_an_edit_of_another_protocols_draft_keeps_what_this_one_does_not_know(
    app: ServedApp,
) -> None:
    import asyncio

    from registry_tool.edits.drafts import add_draft
    from registry_tool.edits.versions import VersionRecord

    added(app)
    fields: dict[str, JSON] = {
        "framework": {"type": "catboost"},
        "source": {"type": "git", "uri": "https://example.org/x", "commit": "a" * 40},
        "description": "Long. " * 200,
    }
    entry: dict[str, JSON] = {
        "name": "weights", "role": "model", "uri": "s3://bucket/w", "format": {"name": "onnx"},
    }  # fmt: skip
    record = VersionRecord(fields, [entry], wire={"kubeflow": {"state": "LIVE"}})
    asyncio.run(app.service.write(WriteRequest(add_draft(MODEL, "2", record), ADA)))
    before = app.service.snapshot.version(MODEL, "2")
    assert before is not None
    own = shown(listed(app, "version=2")[0])
    assert (own["source"], "framework" in own) == ({"type": "external", "uri": "s3://bucket/w"}, False)  # fmt: skip
    changed: Manifest = {**own, "metadata": {"a": 1}, "step": 4}
    assert shown(added(app, **changed)) == changed
    after = app.service.snapshot.version(MODEL, "2")
    assert after is not None
    source = {**cast("dict[str, JSON]", fields["source"]), "step": 4}
    assert after.data["source"] == source
    for name in ("framework", "artifacts", "description"):
        assert after.data[name] == before.data[name]
    assert after.file("wire.yaml")["kubeflow"] == {"state": "LIVE"}
