"""``registry site build``, as users run it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, write_files
from support.manifests import registry_yaml, small_registry
from support.sites import hidden_folder, many_models, read_site, run_build, start_build

Cli = Callable[..., Ran]
_KILLS = 20


def _digest(site: Path) -> str:
    whole = hashlib.sha256()
    for path, content in read_site(site).items():
        whole.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return whole.hexdigest()


def test_a_site_is_built_and_brought_up_to_date(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    root, site = make_registry(many_models(3)), tmp_path / "public"
    ran = cli("site", "build", "-o", str(site), cwd=root)
    assert (ran.code, ran.err) == (0, "")
    assert f"built the site of acme-models at {git(root, 'rev-parse', 'HEAD')[:12]}" in ran.out
    assert "3 models (3 changed), 8 versions" in ran.out
    assert "production" in (site / "index.html").read_text()
    assert json.loads((site / "models/nlp/lang-id/1/index.json").read_bytes())["version"] == "1"
    assert cli("alias", "set", "nlp/lang-id@2", "production", "--commit", cwd=root).code == 0
    ran = cli("site", "build", "-o", str(site), "--format", "json", cwd=root)
    said = json.loads(ran.out)
    assert (said["rendered"], said["model_count"], said["pages"]) == (1, 3, "all")
    assert said["commit"] == git(root, "rev-parse", "HEAD")


def test_every_link_leads_to_a_file_of_the_site(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    """So it works under any path, and from a disk."""
    import re
    from urllib.parse import unquote, urlsplit

    root, site = make_registry(many_models(4)), tmp_path / "public"
    assert cli("site", "build", "-o", str(site), cwd=root).code == 0
    looked_at = 0
    for page in site.rglob("*.html"):
        for address in re.findall(r"""(?:href|src)="([^"]*)\"""", page.read_text()):
            parts = urlsplit(address.replace("&amp;", "&"))
            if parts.scheme or not parts.path:
                assert parts.scheme in {"", "https", "data", "mailto"}, (page, address)
                continue
            assert not parts.path.startswith("/"), (page, address)
            assert (page.parent / unquote(parts.path)).is_file(), (page, address)
            looked_at += 1
    assert looked_at > 100


def test_two_processes_write_the_same_bytes(
    make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    """Other hash seeds, time zones, languages, numbers of processes, days, and clones."""
    root = make_registry(many_models(45))
    git(tmp_path, "clone", "--quiet", str(root), "clone")
    settings = (
        (root, {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "REGISTRY_WORKERS": "1", "LC_ALL": "C"}),
        (tmp_path / "clone", {"PYTHONHASHSEED": "2", "TZ": "America/Lima", "REGISTRY_WORKERS": "2", "LC_ALL": "C.UTF-8"}),
    )  # fmt: skip
    digests = set()
    for number, (folder, env) in enumerate(settings):
        target = tmp_path / f"site-{number}"
        run_build(folder, target, env=env)
        digests.add(_digest(target))
    assert len(digests) == 1


def test_an_unreadable_record_does_not_stop_the_build(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    files = {
        **many_models(3),
        "models/nlp/lang-id/versions/2/version.yaml": "schema: version/v1\nmodel: [\n",
    }
    root, site = make_registry(files), tmp_path / "public"
    for _ in range(2):
        ran = cli("site", "build", "-o", str(site), cwd=root)
        assert ran.code == 1
        assert "note:  cannot read nlp/lang-id" in ran.err
        assert (site / "models/nlp/lang-id/2/index.html").is_file()
        assert (site / "models/vision/model-001/index.html").is_file()


def test_a_registry_with_nothing_in_it(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    root = make_registry({"registry.yaml": registry_yaml()})
    ran = cli("site", "build", "-o", str(tmp_path / "public"), cwd=root)
    assert (ran.code, ran.err) == (0, "")
    assert "0 models" in ran.out
    assert (tmp_path / "public/index.html").is_file()


def test_a_registry_without_a_commit(cli: Cli, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "registry")
    write_files(tmp_path / "registry", {"registry.yaml": registry_yaml()})
    ran = cli("site", "build", "-o", str(tmp_path / "public"), cwd=tmp_path / "registry")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert not (tmp_path / "public").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ref", "nonesuch"), "nonesuch"),
        (("--base-url", "javascript:1"), "not the address of a site"),
        (("--pages", "some"), "'some' is not one of"),
    ],
)
def test_what_is_asked_for_and_cannot_be(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    ran = cli(
        "site", "build", "-o", str(tmp_path / "p"), *words, cwd=make_registry(small_registry())
    )
    assert ran.code == 2
    assert said in ran.err
    assert not (tmp_path / "p").exists()


def test_a_folder_with_other_files_is_refused(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    write_files(tmp_path / "p", {"thesis.tex": "years of work"})
    ran = cli("site", "build", "-o", str(tmp_path / "p"), cwd=make_registry(small_registry()))
    assert (ran.code, ran.out) == (2, "")
    assert "contains files and is not a site" in ran.err
    assert [*read_site(tmp_path / "p")] == ["thesis.tex"]


def test_a_folder_in_which_nothing_can_be_written(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    write_files(tmp_path, {"file": "x"})
    ran = cli("site", "build", "-o", str(tmp_path / "file/p"), cwd=make_registry(small_registry()))
    assert ran.code == 4
    assert "cannot build the site in" in ran.err


def test_a_shallow_clone_says_what_its_timeline_lacks(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    root = make_registry(small_registry())
    assert cli("alias", "set", "nlp/lang-id@2", "production", "--commit", cwd=root).code == 0
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{root}", "shallow")
    ran = cli("site", "build", "-o", str(tmp_path / "p"), cwd=tmp_path / "shallow")
    assert ran.code == 0
    assert "git fetch --unshallow" in ran.err
    git(tmp_path / "shallow", "fetch", "--quiet", "--unshallow")
    ran = cli("site", "build", "-o", str(tmp_path / "p"), cwd=tmp_path / "shallow")
    assert (ran.code, ran.err) == (0, "")
    assert "(1 changed)" in ran.out
    assert cli("site", "build", "-o", str(tmp_path / "q"), cwd=root).code == 0
    assert _digest(tmp_path / "p") == _digest(tmp_path / "q")


def test_a_build_from_a_bare_repository_and_a_url(
    make_registry: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    root = make_registry(small_registry())
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare.git")
    for number, source in enumerate((str(tmp_path / "bare.git"), f"file://{tmp_path}/bare.git")):
        ran = cli(
            "site", "build", "-o", str(tmp_path / f"p{number}"), "--repo", source, cwd=tmp_path
        )
        assert ran.code == 0, ran.err
    assert _digest(tmp_path / "p0") == _digest(tmp_path / "p1")


@pytest.mark.long
def test_a_build_that_is_killed_leaves_the_site_whole(
    make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    """At twenty random moments; the next build leaves nothing of it."""
    root, site = make_registry(many_models(60)), tmp_path / "public"
    first = git(root, "rev-parse", "HEAD")
    write_files(root, {"registry.yaml": registry_yaml(description="All pages change.")})
    commit(root)
    digests, took = {}, float("inf")
    for ref in (first, "HEAD", first):
        begin = time.monotonic()
        run_build(root, site, "--ref", ref)
        took = min(took, time.monotonic() - begin)
        digests[ref] = _digest(site)
    seed = int(os.environ.get("REGISTRY_TEST_SEED", "0")) or random.SystemRandom().randrange(
        1 << 30
    )
    moments = random.Random(seed)
    current, killed, tries = first, 0, 0
    while killed < _KILLS and tries < 4 * _KILLS:  # one that ended before its moment does not count
        tries += 1
        wanted = "HEAD" if current == first else first
        started = start_build(root, site, "--ref", wanted)
        try:
            started.wait(timeout=moments.uniform(0.05, 0.9) * took)
        except subprocess.TimeoutExpired:
            os.kill(started.pid, signal.SIGKILL)
            killed += 1
        started.communicate()
        found = _digest(site)
        assert found in digests.values(), f"seed {seed}"
        current = first if found == digests[first] else "HEAD"
    assert killed == _KILLS
    run_build(root, site, "--ref", "HEAD")
    assert _digest(site) == digests["HEAD"]
    assert {one.name for one in hidden_folder(site).iterdir()} == {"lock", "previous"}


def test_an_interrupt_cleans_up(make_registry: Callable[..., Path], tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such signal")
    root, site = make_registry(many_models(60)), tmp_path / "public"
    started = start_build(root, site, env={"REGISTRY_WORKERS": "1"})
    hidden = hidden_folder(site)
    while started.poll() is None and not [*hidden.glob("build-*/site/models/*/*")]:
        time.sleep(0.01)
    started.send_signal(signal.SIGINT)
    started.communicate()
    assert started.returncode == 130
    assert not site.exists()
    assert {one.name for one in hidden.iterdir()} == {"lock"}
