"""Names that belong to stages and to versions: refused as tags, passed over by numbering, never answered by a tag."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit
from support.manifests import registry_yaml, small_registry, tag_yaml

from registry_tool.manifests.problems import JSON

Cli = Callable[..., Ran]
MODEL = "models/nlp/lang-id"
STAGES: dict[str, JSON] = {"live": {"require": [{"metric": "accuracy", "min": 0.9}]}, "testing": {}}
ADD = ("version", "add", "nlp/lang-id", "--track", "s3://bucket/m.bin", "--framework", "custom")


@pytest.fixture
def staged(make_registry: Callable[..., Path]) -> Path:
    """A registry with the stages ``live``, which has a gate, and ``testing``, which has none; no alias is set."""
    files = {**small_registry(), "registry.yaml": registry_yaml(stages=STAGES)}
    return make_registry(files)


def test_a_tag_cannot_take_the_name_of_a_stage(staged: Path, cli: Cli) -> None:
    for stage in STAGES:
        ran = cli("tag", "add", "nlp/lang-id@1", stage, cwd=staged)
        assert ran.code == 1
        assert f"{stage} is a stage of nlp; only an alias can have that name" in ran.err
    place = staged / MODEL / "tags" / "live.yaml"
    place.write_text(tag_yaml("1"))
    ran = cli("check", cwd=staged)
    assert ran.code == 1
    assert "C419" in ran.out
    assert cli("resolve", "nlp/lang-id@live", cwd=staged).code == 2


def test_a_published_tag_is_readable_but_is_no_gated_stage(staged: Path, cli: Cli) -> None:
    for stage in STAGES:
        (staged / MODEL / "tags" / f"{stage}.yaml").write_text(tag_yaml("1"))
    commit(staged, "past the hooks")
    whole = cli("check", "--all", cwd=staged)
    assert whole.code == 0
    assert whole.out.count("M219") == 2
    gated = cli("resolve", "nlp/lang-id@live", cwd=staged)
    assert gated.code == 2
    assert (
        "no version of nlp/lang-id is in the stage live; the tag live names version 1" in gated.err
    )
    plain = cli("resolve", "nlp/lang-id@testing", cwd=staged)
    assert plain.code == 0
    assert (
        "testing is a stage, but this is a tag, which never moves; use nlp/lang-id@1" in plain.err
    )
    assert cli("show", "nlp/lang-id", cwd=staged).code == 0


def test_a_stage_cannot_take_the_name_of_a_published_tag(
    make_registry: Callable[..., Path], cli: Cli
) -> None:
    root = make_registry(small_registry())
    (root / "registry.yaml").write_text(registry_yaml(stages={"first": {}}))
    ran = cli("check", cwd=root)
    assert ran.code == 1
    assert "stage first cannot be used: nlp/lang-id has a tag of that name" in ran.out


def test_numbering_passes_over_a_tag(make_registry: Callable[..., Path], cli: Cli) -> None:
    files = small_registry() | {f"{MODEL}/tags/3.yaml": tag_yaml("1")}
    root = make_registry(files)
    ran = cli(*ADD, cwd=root)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "Add nlp/lang-id@4")


def test_no_new_name_has_the_form_of_a_version(
    make_registry: Callable[..., Path], cli: Cli
) -> None:
    root = make_registry(small_registry())
    for act in (("tag", "add"), ("alias", "set")):
        ran = cli(*act, "nlp/lang-id@1", "3", cwd=root)
        assert ran.code == 1
        assert (
            "3 has the form of a version in the scheme integer, which nlp/lang-id uses" in ran.err
        )
        assert f"choose another {act[0]}, such as v3" in ran.err
    assert cli(*ADD, cwd=root).out.startswith("Add nlp/lang-id@3\n")
