from __future__ import annotations

import pytest
from support.manifests import (
    alias_yaml,
    model_files,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    tag_yaml,
    version_files,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import find_model, in_order, latest, resolve
from registry_tool.errors import (
    InvalidManifestError,
    InvalidNameError,
    NotFoundError,
    WithdrawnError,
)
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

FOLDER = "models/nlp/lang-id"
NAME = ModelName("nlp", "lang-id")


def catalog(files: dict[str, str] | None = None) -> Catalog:
    return Catalog(DictTree(small_registry() | (files or {})))


def scheme_catalog(scheme: str, *versions: str) -> Catalog:
    files = {
        "registry.yaml": registry_yaml(version_scheme=scheme),
        **model_files(versions=versions),
    }
    return Catalog(DictTree(files))


@pytest.mark.parametrize(
    ("reference", "version", "via"),
    [
        ("nlp/lang-id", "2", "latest"),
        ("nlp/lang-id@latest", "2", "latest"),
        ("nlp/lang-id@1", "1", "version"),
        ("nlp/lang-id@production", "1", "alias"),
        ("nlp/lang-id@first", "1", "tag"),
    ],
)
def test_what_a_reference_means(reference: str, version: str, via: str) -> None:
    found = resolve(catalog(), reference)
    assert (found.version.version, found.via, found.state, found.notes) == (
        version,
        via,
        "active",
        (),
    )


def test_default_namespace() -> None:
    found = resolve(Catalog(DictTree(model_files("default/cats"))), "cats@1")
    assert str(found.version) == "default/cats@1"


@pytest.mark.parametrize(
    ("scheme", "versions", "ordered", "highest"),
    [
        ("integer", ("9", "10", "2"), ["2", "9", "10"], "10"),
        ("semver", ("1.10.0", "1.9.0", "2.0.0-rc.1"), ["1.9.0", "1.10.0", "2.0.0-rc.1"], "1.10.0"),
        ("calver", ("2026.2", "2026.11", "2025.12"), ["2025.12", "2026.2", "2026.11"], "2026.11"),
    ],
)
def test_order_and_latest(
    scheme: str, versions: tuple[str, ...], ordered: list[str], highest: str
) -> None:
    model = find_model(scheme_catalog(scheme, *versions), NAME)
    assert in_order(model) == ordered
    assert latest(model).version == highest


def test_free_versions_are_in_order_of_creation() -> None:
    files = {
        "registry.yaml": registry_yaml(version_scheme="free"),
        **model_files(versions=()),
        **version_files("blue", created_at="2026-02-01T00:00:00.000Z"),
        **version_files("red", created_at="2026-01-01T00:00:00.000Z"),
    }
    model = find_model(Catalog(DictTree(files)), NAME)
    assert in_order(model) == ["red", "blue"]
    assert latest(model).version == "blue"


def test_a_models_own_scheme_goes_before_the_registrys() -> None:
    files = {
        "registry.yaml": registry_yaml(version_scheme="integer"),
        **model_files(versions=("1.9.0", "1.10.0"), version_scheme="semver"),
    }
    assert latest(find_model(Catalog(DictTree(files)), NAME)).version == "1.10.0"


@pytest.mark.parametrize("state", ["deprecated", "withdrawn", "erased"])
def test_latest_passes_over_what_is_not_active(state: str) -> None:
    status = {f"{FOLDER}/versions/2/status.yaml": status_yaml(state)}
    assert resolve(catalog(status), "nlp/lang-id").version.version == "1"


def test_no_active_version() -> None:
    status = {f"{FOLDER}/versions/{v}/status.yaml": status_yaml() for v in "12"}
    with pytest.raises(NotFoundError, match="nlp/lang-id has no active version"):
        resolve(catalog(status), "nlp/lang-id")


def test_deprecated_versions_are_served_with_a_note() -> None:
    status = {f"{FOLDER}/versions/1/status.yaml": status_yaml(reason="Old.", replaced_by="2")}
    found = resolve(catalog(status), "nlp/lang-id@production")
    assert (found.state, found.notes) == (
        "deprecated",
        ("nlp/lang-id@1 is deprecated: Old.; use 2",),
    )


@pytest.mark.parametrize("state", ["withdrawn", "erased"])
def test_withdrawn_versions_are_refused(state: str) -> None:
    status = {f"{FOLDER}/versions/1/status.yaml": status_yaml(state, reason="Wrong.")}
    with pytest.raises(WithdrawnError, match=f"nlp/lang-id@1 is {state}: Wrong"):
        resolve(catalog(status), "nlp/lang-id@production")
    assert resolve(catalog(status), "nlp/lang-id@1", allow_withdrawn=True).state == state


def test_pinned_and_moved_are_noted() -> None:
    files = {
        f"{FOLDER}/aliases/production.yaml": alias_yaml("1", pinned=True),
        f"{FOLDER}/model.yaml": model_yaml(moved_to="nlp/language"),
    }
    assert resolve(catalog(files), "nlp/lang-id@production").notes == (
        "pinned: automatic promotion skips it",
        "nlp/lang-id moved to nlp/language",
    )


@pytest.mark.parametrize(
    ("reference", "message", "remedy"),
    [
        ("nlp/lang-ib", "model nlp/lang-ib does not exist", "did you mean nlp/lang-id?"),
        ("npl/lang-id", "model npl/lang-id does not exist", "did you mean nlp/lang-id?"),
        ("zz/zz", "model zz/zz does not exist", "registry list"),
        ("nlp/lang-id@prodution", "no version, tag or alias prodution", "did you mean production?"),
        ("nlp/lang-id@zzz", "no version, tag or alias zzz", "registry show nlp/lang-id"),
    ],
)
def test_not_found_names_near_ones(reference: str, message: str, remedy: str) -> None:
    with pytest.raises(NotFoundError, match=message) as caught:
        resolve(catalog(), reference)
    assert remedy in caught.value.remedy


def test_an_alias_of_nothing() -> None:
    files = {f"{FOLDER}/aliases/production.yaml": alias_yaml("9")}
    with pytest.raises(NotFoundError, match="alias production of nlp/lang-id names version 9"):
        resolve(catalog(files), "nlp/lang-id@production")


@pytest.mark.parametrize("path", ["aliases/production.yaml", "versions/1/status.yaml"])
def test_a_broken_file_on_the_way(path: str) -> None:
    with pytest.raises(InvalidManifestError, match=f"{FOLDER}/{path}:1"):
        resolve(catalog({f"{FOLDER}/{path}": "x: ["}), "nlp/lang-id@production")


def test_a_broken_file_off_the_way_does_not_matter() -> None:
    broken = {f"{FOLDER}/versions/2/version.yaml": "x: [", f"{FOLDER}/model.yaml": "x: ["}
    assert resolve(catalog(broken), "nlp/lang-id@production").version.version == "1"


def test_a_name_that_is_none() -> None:
    with pytest.raises(InvalidNameError):
        resolve(catalog(), "nlp/../x")


GATED: dict[str, JSON] = {"live": {"require": [{"metric": "accuracy", "min": 0.9}]}}


@pytest.mark.parametrize("where", ["registry.yaml", "models/nlp/namespace.yaml"])
def test_a_tag_never_answers_for_a_stage_with_gates(where: str) -> None:
    manifest = registry_yaml if where == "registry.yaml" else namespace_yaml
    tag = {f"{FOLDER}/tags/live.yaml": tag_yaml("1")}
    with pytest.raises(
        NotFoundError, match="is in the stage live; the tag live names version 1"
    ) as caught:
        resolve(catalog({**tag, where: manifest(stages=GATED)}), "nlp/lang-id@live")
    assert caught.value.remedy == "registry show nlp/lang-id@1"
    found = resolve(catalog({**tag, where: manifest(stages={"live": {}})}), "nlp/lang-id@live")
    assert (found.version.version, found.via) == ("1", "tag")
    assert found.notes == (
        "live is a stage, but this is a tag, which never moves; use nlp/lang-id@1",
    )


def test_a_version_that_is_called_as_a_stage_is_read_with_a_note() -> None:
    files = {"registry.yaml": registry_yaml(version_scheme="free", stages=GATED)}
    found = resolve(
        Catalog(DictTree({**files, **model_files(versions=["live"])})), "nlp/lang-id@live"
    )
    assert (found.version.version, found.via) == ("live", "version")
    assert "this is a version" in found.notes[0]


@pytest.mark.parametrize(
    ("scheme", "versions", "status", "message", "remedy"),
    [
        ("semver", ["1.0.0-rc.1", "1.0.0-rc.2"], {},
         "nlp/lang-id has only pre-releases; latest skips pre-releases, and the newest is 1.0.0-rc.2",
         "registry resolve nlp/lang-id@1.0.0-rc.2"),
        ("calver", ["2026.11rc1"], {},
         "nlp/lang-id has only pre-releases; latest skips pre-releases, and the newest is 2026.11rc1",
         "registry resolve nlp/lang-id@2026.11rc1"),
        ("semver", ["1.0.0-rc.1", "1.0.0"], {"1.0.0": "withdrawn"},
         "nlp/lang-id has no active release; latest skips pre-releases, and the newest is 1.0.0-rc.1",
         "registry resolve nlp/lang-id@1.0.0-rc.1"),
        ("integer", ["1"], {"1": "deprecated"}, "nlp/lang-id has no active version", "registry show nlp/lang-id"),
        ("integer", [], {}, "nlp/lang-id has no versions yet", "registry version add nlp/lang-id"),
    ],
)  # fmt: skip
def test_why_latest_means_nothing(
    scheme: str, versions: list[str], status: dict[str, str], message: str, remedy: str
) -> None:
    files = {
        "registry.yaml": registry_yaml(version_scheme=scheme),
        **model_files(versions=versions),
        **{f"{FOLDER}/versions/{v}/status.yaml": status_yaml(state) for v, state in status.items()},
    }
    with pytest.raises(NotFoundError) as caught:
        resolve(Catalog(DictTree(files)), "nlp/lang-id")
    assert caught.value.message.startswith(message)
    assert (caught.value.remedy or "").startswith(remedy)


def test_latest_of_a_model_of_a_later_schema_is_not_guessed() -> None:
    files = {
        "registry.yaml": registry_yaml(),
        **model_files(versions=["1", "2"]),
    }
    record = f"{FOLDER}/model.yaml"
    files[record] = files[record].replace("model/v1", "model/v9")
    catalog = Catalog(DictTree(files))
    with pytest.raises(InvalidManifestError, match="does not know model/v9") as caught:
        resolve(catalog, "nlp/lang-id")
    assert (caught.value.remedy or "").endswith("pip install -U registry-tool")
    assert resolve(catalog, "nlp/lang-id@1").version.version == "1"
