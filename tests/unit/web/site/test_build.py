"""Builds of a site: what is rendered, what is kept, and what is refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import alias_yaml, registry_yaml, small_registry, version_files
from support.sites import hidden_folder, many_models, read_site

from registry_tool.api.registry import open_registry
from registry_tool.errors import ConflictError, OperationalError, UsageError
from registry_tool.web.pages.render import Selection
from registry_tool.web.site import folder as site_folder
from registry_tool.web.site import models as site_models
from registry_tool.web.site.build import BuiltSite, build_site


def build(
    root: Path, target: Path, *, ref: str = "HEAD", pages: Selection | None = None
) -> BuiltSite:
    with open_registry(root, ref=ref) as registry:
        return build_site(registry, target, pages=pages)


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    return make_registry(many_models(5))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def fresh(root: Path, tmp_path: Path, ref: str = "HEAD") -> dict[str, bytes]:
    """The site of a commit, built from nothing."""
    target = tmp_path / f"fresh-{len(list(tmp_path.iterdir()))}"
    build(root, target, ref=ref)
    return read_site(target)


def test_only_a_changed_model_is_rendered(root: Path, site: Path, tmp_path: Path) -> None:
    assert build(root, site).rendered == 5
    assert build(root, site).rendered == 0
    for version in ("2", "1", "2"):
        write_files(root, {"models/nlp/lang-id/aliases/production.yaml": alias_yaml(version)})
        commit(root, f"Move to {version}")
        assert build(root, site).rendered == 1
        assert read_site(site) == fresh(root, tmp_path)


def test_a_build_of_an_earlier_commit_is_that_of_one_from_nothing(
    root: Path, site: Path, tmp_path: Path
) -> None:
    first = git(root, "rev-parse", "HEAD")
    build(root, site)
    write_files(root, version_files("3"))
    git(root, "rm", "-rq", "models/vision/model-001")
    commit(root, "Change much")
    for ref in ("HEAD", first, "HEAD", first, first):
        build(root, site, ref=ref)
        assert read_site(site) == fresh(root, tmp_path, ref), ref


def test_models_that_are_gone_leave_no_file(root: Path, site: Path) -> None:
    build(root, site)
    build(root, site)
    git(root, "rm", "-rq", "models/vision")
    commit(root, "Remove a namespace")
    for _ in range(2):
        assert build(root, site).rendered == 0
        assert not (site / "models/vision").exists()


def test_a_page_that_was_deleted_from_the_site_comes_back(
    root: Path, site: Path, tmp_path: Path
) -> None:
    build(root, site)
    (site / "models/nlp/lang-id/1/index.html").unlink()
    assert build(root, site).rendered == 1
    assert read_site(site) == fresh(root, tmp_path)


def test_a_site_without_its_state_is_built_from_nothing(root: Path, site: Path) -> None:
    build(root, site)
    (site / ".build.json").unlink()
    assert build(root, site).rendered == 5


def test_another_choice_of_pages_renders_all(root: Path, site: Path) -> None:
    build(root, site)
    made = build(root, site, pages="named")
    assert (made.rendered, made.facts.pages) == (5, "named")


def test_files_of_others_stay(root: Path, site: Path) -> None:
    build(root, site)
    (site / "CNAME").write_text("models.example.org\n")
    (site / ".well-known").mkdir()
    (site / ".well-known/security.txt").write_text("x")
    for _ in range(3):
        assert build(root, site).carried == (".well-known", "CNAME")
        assert (site / "CNAME").read_text() == "models.example.org\n"
        assert (site / ".well-known/security.txt").read_text() == "x"
    (site / "CNAME").unlink()
    for _ in range(2):
        assert build(root, site).carried == (".well-known",)
        assert not (site / "CNAME").exists()


def test_a_compressed_copy_of_a_page_does_not_outlive_it(root: Path, site: Path) -> None:
    """``gzip_static`` of nginx would serve it instead of the page."""
    build(root, site)
    for place in ("index.html.gz", "models/index.html.gz", "models/nlp/lang-id/index.html.gz"):
        (site / place).write_bytes(b"old")
    write_files(root, {"models/nlp/lang-id/aliases/production.yaml": alias_yaml("2")})
    commit(root)
    for _ in range(3):
        build(root, site)
        assert not [*site.glob("models/**/*.gz")]


def test_no_file_of_a_site_is_written_twice(root: Path, site: Path) -> None:
    """A file that a server has open, or that two sites share, keeps its bytes."""
    build(root, site)
    pages = {place: place.open("rb") for place in site.rglob("*.html")}
    was = {place: place.read_bytes() for place in pages}
    for version in ("2", "1"):
        write_files(root, {"models/nlp/lang-id/aliases/production.yaml": alias_yaml(version)})
        commit(root)
        build(root, site)
    for place, file in pages.items():
        with file:
            assert file.read() == was[place]


def test_a_link_stays_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "current").symlink_to("releases/site")
    for _ in range(3):
        made = build(root, tmp_path / "current")
        assert made.folder == tmp_path / "releases/site"
        assert (tmp_path / "current").is_symlink()
        assert (tmp_path / "current/index.html").is_file()


def test_the_mode_of_the_folder_stays(root: Path, site: Path) -> None:
    build(root, site)
    site.chmod(0o750)
    build(root, site)
    assert site.stat().st_mode & 0o777 == 0o750


def test_an_empty_folder_becomes_a_site(root: Path, site: Path) -> None:
    site.mkdir()
    build(root, site)
    assert (site / "index.html").is_file()


def test_a_folder_with_other_files_is_refused(root: Path, site: Path) -> None:
    write_files(site, {"thesis.tex": "years of work"})
    with pytest.raises(UsageError, match="is not a site"):
        build(root, site)
    assert [*read_site(site)] == ["thesis.tex"]
    assert not hidden_folder(site).exists()


def test_a_file_is_refused(root: Path, site: Path) -> None:
    site.write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        build(root, site)


def test_the_site_of_another_registry_is_refused(
    root: Path, site: Path, make_registry: Callable[..., Path]
) -> None:
    build(root, site)
    other = make_registry(
        {**small_registry(), "registry.yaml": registry_yaml(name="other")}, name="o"
    )
    with pytest.raises(UsageError, match="acme-models"):
        build(other, site)
    assert b"acme-models" in (site / "site.json").read_bytes()


@pytest.mark.parametrize("below", [".", "models/site", ".git/site", "schemas"])
def test_a_folder_among_the_files_of_the_registry_is_refused(root: Path, below: str) -> None:
    with pytest.raises(UsageError, match="among the files"):
        build(root, root / below)


def test_a_folder_in_the_checkout_is_fine(root: Path) -> None:
    build(root, root / "public")
    assert (root / "public/index.html").is_file()


@pytest.mark.parametrize("address", ["javascript:alert(1)", "//x y/", "https://a/?b", "a b"])
def test_a_base_url_that_is_none(root: Path, site: Path, address: str) -> None:
    with open_registry(root) as registry, pytest.raises(UsageError, match="not the address"):
        build_site(registry, site, base_url=address)


@pytest.mark.parametrize(
    ("address", "written"),
    [("/models", "/models/"), ("/", "/"), ("https://e.org:8080/a/", "https://e.org:8080/a/")],
)
def test_a_base_url_ends_with_a_slash(root: Path, site: Path, address: str, written: str) -> None:
    with open_registry(root) as registry:
        assert build_site(registry, site, base_url=address).facts.base_url == written


def test_one_build_at_a_time(root: Path, site: Path) -> None:
    with site_folder.open_site_folder(site), pytest.raises(ConflictError, match="another process"):
        build(root, site)


def _fail_after(count: int, number: int) -> Callable[..., None]:
    """A ``write_file`` that fails after some files."""
    left = iter(range(count))
    real = site_folder.write_file

    def write(site: Path, path: str, content: bytes) -> None:
        if next(left, None) is None:
            raise OSError(number, os.strerror(number))
        real(site, path, content)

    return write


@pytest.mark.parametrize("count", [0, 7, 20, 30])
def test_a_full_disk_leaves_the_site_as_it_was(
    root: Path, site: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(root, site)
    build(root, site)
    was = read_site(site)
    write_files(root, {"registry.yaml": registry_yaml(description="Another one.")})
    commit(root)
    with monkeypatch.context() as patch:
        failing = _fail_after(count, errno.ENOSPC)
        patch.setattr(site_models, "write_file", failing)
        patch.setattr(site_folder, "write_file", failing)
        with pytest.raises(OperationalError, match="the disk is full"):
            build(root, site)
    assert read_site(site) == was
    assert {one.name for one in hidden_folder(site).iterdir()} <= {"lock", "previous"}
    assert build(root, site).rendered == 5


def test_without_an_exchange_the_site_is_renamed(
    root: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_folder, "exchange_folders", lambda *_: False)
    for version in ("2", "1", "2"):
        write_files(root, {"models/nlp/lang-id/aliases/production.yaml": alias_yaml(version)})
        commit(root)
        build(root, site)
        assert read_site(site) == fresh(root, tmp_path)


def test_a_build_that_was_killed_between_two_renames(root: Path, site: Path) -> None:
    build(root, site)
    was = read_site(site)
    site.rename(hidden_folder(site) / "previous")
    with site_folder.open_site_folder(site):
        assert read_site(site) == was


def test_a_file_system_without_links_gets_copies(
    root: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    build(root, site)
    assert build(root, site).rendered == 0
    assert (site / "models/nlp/lang-id/index.html").is_file()


def _page_outside() -> Iterator[tuple[str, bytes]]:
    yield "../outside.html", b"x"


def test_a_page_outside_the_site_is_refused(tmp_path: Path) -> None:
    for path, content in _page_outside():
        with pytest.raises(Exception, match="outside the site"):
            site_folder.write_file(tmp_path / "site", path, content)
    assert not (tmp_path / "outside.html").exists()
