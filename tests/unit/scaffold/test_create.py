from __future__ import annotations

import configparser
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.config import Config
from support import git, new_repository

from registry_tool._version import VERSION
from registry_tool.api.changes.publish import RefusedByCheckError
from registry_tool.api.registry import WORK_TREE, open_registry
from registry_tool.edits.codeowners import Host
from registry_tool.errors import (
    ConflictError,
    GitError,
    InvalidNameError,
    OperationalError,
    RegistryError,
    UsageError,
)
from registry_tool.git.command import find_repository
from registry_tool.git.transaction.lock import acquire
from registry_tool.names import MODEL_PATTERN
from registry_tool.paths import resource
from registry_tool.scaffold.create import AddedCi, add_ci, new_registry
from registry_tool.scaffold.templates import ci_files, registry_files, remote_url

FILES = [
    ".dvc/.gitignore",
    ".dvc/config",
    ".gitattributes",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CODEOWNERS",
    "README.md",
    "registry.yaml",
]


def test_a_new_registry_has_one_commit_and_passes_its_check(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "models"
    made = new_registry(folder, name="acme", description="All of them: #1.")
    assert (made.folder, made.branch, made.notes) == (folder, "main", ())
    assert git(folder, "rev-list", "HEAD") == made.commit
    assert git(folder, "log", "--format=%s %an") == "Start registry acme A. Tester"
    assert git(folder, "ls-files").splitlines() == FILES
    assert git(folder, "status", "--porcelain", "--ignored") == ""
    with open_registry(folder, ref=WORK_TREE) as registry:
        report = registry.check()
        assert (report.verdict, report.findings) == ("pass", ())
        assert (registry.name, registry.catalog.settings["description"]) == (
            "acme",
            "All of them: #1.",
        )
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


def test_the_folder_is_open_to_others_as_the_umask_says(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    new_registry(tmp_path / "models", name="acme")
    assert stat.S_IMODE((tmp_path / "models").stat().st_mode) == stat.S_IMODE(beside.stat().st_mode)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x-", "ünï", "a\nb", "a$b", "x" * 129])
def test_a_hostile_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidNameError):
        new_registry(tmp_path / "models", name=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["010", "on", "1e3", "A", "a.b-c_D", "x" * 128])
def test_a_name_stays_the_text_it_is(tmp_path: Path, name: str) -> None:
    new_registry(tmp_path / "models", name=name)
    with open_registry(tmp_path / "models") as registry:
        assert registry.name == name


def test_the_name_is_what_the_schema_allows() -> None:
    schema = json.loads(resource("schemas/registry/v1.schema.json").read_text(encoding="utf-8"))
    assert schema["properties"]["name"]["pattern"] == f"^{MODEL_PATTERN}$"


@pytest.mark.parametrize(
    "description", ["$name ${shard} $$", "a: b # c", "two\nlines", '"', "---", "ünï \u202e x"]
)
def test_a_description_is_data(tmp_path: Path, description: str) -> None:
    new_registry(tmp_path / "models", name="acme", description=description)
    with open_registry(tmp_path / "models") as registry:
        assert registry.catalog.settings["description"] == description
        assert registry.check().verdict == "pass"


def test_a_description_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedByCheckError):
        new_registry(tmp_path / "models", name="acme", description="x" * 20000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("storage", "../../storage"),
        ("../up", "../../../up"),
        ("a b, #c/d", "../../a b, #c/d"),
        ("s3://bucket/x, y#z", "s3://bucket/x, y#z"),
        ("ssh://me@host/data", "ssh://me@host/data"),
        ("/var/data", "/var/data"),
    ],
)
def test_dvc_reads_the_remote_as_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, stored: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    new_registry(Path("models"), name="acme", remote_url=given)
    config = Config(str(tmp_path / "here/models/.dvc"), validate=False)
    read = config.load_one("repo")
    assert read["core"]["remote"] == "storage"
    url = read["remote"]["storage"]["url"]
    meant = os.path.normpath(tmp_path / "here" / given)
    assert url == given if "://" in given else os.path.normpath(url) == meant
    text = (tmp_path / "here/models/.dvc/config").read_text()
    assert re.search(r'url = "?' + re.escape(stored) + r'"?\n', text)


def test_without_a_remote_dvc_has_none(tmp_path: Path) -> None:
    new_registry(tmp_path / "models", name="acme")
    parser = configparser.ConfigParser()
    parser.read(tmp_path / "models/.dvc/config")
    assert parser.sections() == []


@pytest.mark.parametrize("url", ["", "a\nb", "-x", "https://me:secret@host/x", "models/inside"])
def test_an_address_that_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as refused:
        new_registry(tmp_path / "models", name="acme", remote_url=url)
    assert "secret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/notes.txt").write_text("mine")
    with pytest.raises(ConflictError, match="not empty"):
        new_registry(tmp_path / "models", name="acme")
    assert [p.name for p in tmp_path.rglob("*")] == ["models", "notes.txt"]


def test_a_repository_with_a_commit_is_not_touched(tmp_path: Path) -> None:
    new_repository(tmp_path / "models", {"a": "b"})
    head = git(tmp_path / "models", "rev-parse", "HEAD")
    with pytest.raises(ConflictError):
        new_registry(tmp_path / "models", name="acme")
    git(tmp_path / "models", "rm", "-q", "a")
    with pytest.raises(ConflictError):
        new_registry(tmp_path / "models", name="acme")
    assert git(tmp_path / "models", "rev-parse", "HEAD") == head


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file/models"):
        with pytest.raises(UsageError, match="is not a folder"):
            new_registry(place, name="acme")


def test_an_empty_folder_is_filled_under_the_feet_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new_registry(Path(), name="acme")
    assert Path.cwd() == tmp_path
    assert git(Path.cwd(), "ls-files").splitlines() == FILES
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        {".git", *(f.split("/")[0] for f in FILES)}
    )


def test_the_clone_of_an_empty_repository_keeps_its_origin_and_branch(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "--initial-branch=trunk", "host.git")
    git(tmp_path, "clone", "-q", "host.git", "models")
    made = new_registry(tmp_path / "models", name="acme")
    assert made.branch == "trunk"
    git(tmp_path / "models", "push", "-q", "origin", "trunk")
    assert git(tmp_path / "host.git", "rev-parse", "trunk") == made.commit


def test_without_an_identity_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    with pytest.raises(GitError, match="who you are") as trouble:
        new_registry(tmp_path / "a/models", name="acme")
    assert "git config" in trouble.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said() -> None:
    with pytest.raises(OperationalError, match="cannot be written"):
        new_registry(Path("/proc/models"), name="acme")


def test_inside_another_repository_it_says_so(tmp_path: Path) -> None:
    outer = new_repository(tmp_path / "app", {"a": "b"})
    made = new_registry(outer / "models", name="acme")
    assert any(str(outer) in note for note in made.notes)
    found = find_repository(outer / "models")
    assert found is not None
    assert found.work_tree == outer / "models"


def test_it_makes_its_own_repository_inside_a_hook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = new_repository(tmp_path / "app", {"a": "b"})
    head = git(outer, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(outer / ".git/index"))
    made = new_registry(tmp_path / "models", name="acme")
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert git(outer, "rev-parse", "HEAD") == head
    assert git(tmp_path / "models", "rev-parse", "HEAD") == made.commit
    assert git(tmp_path / "models", "status", "--porcelain") == ""


def test_hooks_that_cannot_be_installed_are_a_note(tmp_path: Path, home: Path) -> None:
    with (home / ".gitconfig").open("a") as settings:
        settings.write(f"[core]\n\thooksPath = {tmp_path / 'shared'}\n")
    made = new_registry(tmp_path / "models", name="acme")
    assert made.hooks == ()
    assert any("core.hooksPath" in note for note in made.notes)
    assert not (tmp_path / "shared").exists()


def test_hooks_are_where_they_are_said_to_be(tmp_path: Path) -> None:
    made = new_registry(tmp_path / "models", name="acme")
    assert [hook.path.name for hook in made.hooks] == ["pre-commit", "pre-merge-commit", "pre-push"]
    assert all(os.access(hook.path, os.X_OK) for hook in made.hooks)
    assert new_registry(tmp_path / "bare-bones", name="acme", hooks=False).hooks == ()


@pytest.mark.parametrize("shard", [-1, 5])
def test_shards_have_one_to_four_digits(shard: int) -> None:
    with pytest.raises(RegistryError):
        registry_files(name="acme", shard=shard)


# What Git must take in and what it must leave out, below a model's folder.
TAKEN = [
    "model.yaml", "CARD.md", "weights.bin.dvc", "a b.dvc", "tags/first.yaml",
    "aliases/production.yaml", "versions/1/version.yaml", "versions/1/metadata.yaml",
    "versions/1/status.yaml", "versions/1/CARD.md", "versions/1/config.yaml.dvc",
    "versions/1/my model.dvc", "versions/1/evidence/20261121-note-1.yaml", "versions/dvc/version.yaml",
]  # fmt: skip
IGNORED = [
    "weights.bin", "config.yaml", "a b", "data/model.yaml", "tags/first.bin", "tags/x/y.yaml",
    "aliases/notes", "versions/1/config.yaml", "versions/1/model.yaml", "versions/1/my model",
    "versions/1/weights/part-1.bin", "versions/1/weights/version.yaml", "versions/1/weights/a.dvc",
    "versions/1/tags/first.yaml", "versions/1/.hidden", "versions/1/README.md",
    "versions/1/evidence/raw.json", "versions/1/evidence/deep/a.yaml", "versions/1/ünï.onnx",
]  # fmt: skip


@pytest.mark.parametrize(("shard", "model"), [(0, "nlp/lang-id"), (2, "nlp/9f/lang-id")])
def test_git_ignores_every_payload_and_nothing_else(tmp_path: Path, shard: int, model: str) -> None:
    folder = tmp_path / "models"
    new_registry(folder, name="acme", shard=shard)
    below = f"models/{model}"
    for path in (*TAKEN, *IGNORED):
        (folder / below / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / below / path).write_text("x")
    (folder / "models/nlp/namespace.yaml").write_text("x")
    git(folder, "add", "--all")
    listed = git(folder, "-c", "core.quotePath=false", "ls-files", "models").splitlines()
    wanted = [f"{below}/{path}" for path in TAKEN]
    assert sorted(listed) == sorted([*wanted, "models/nlp/namespace.yaml"])


def test_manifests_are_checked_out_with_line_feeds(tmp_path: Path, home: Path) -> None:
    with (home / ".gitconfig").open("a") as settings:
        settings.write("[core]\n\tautocrlf = true\n")
    new_registry(tmp_path / "models", name="acme")
    git(tmp_path, "clone", "-q", "models", "clone")
    assert b"\r" not in (tmp_path / "clone/registry.yaml").read_bytes()
    assert b"\r" not in (tmp_path / "clone/.dvc/config").read_bytes()


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_new_registry_may_have_ci_and_passes_its_check(tmp_path: Path, ci: Host) -> None:
    new_registry(tmp_path / "models", name="acme", ci=ci)
    listed = git(tmp_path / "models", "ls-files").splitlines()
    assert listed == sorted([*FILES, *ci_files(ci)])
    with open_registry(tmp_path / "models", ref=WORK_TREE) as registry:
        assert registry.check().findings == ()
        assert registry.catalog.tree.read("CODEOWNERS") == registry_files(name="acme")["CODEOWNERS"]


def test_ci_is_added_to_a_registry_and_writes_over_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    new_registry(folder, name="acme")
    mine = folder / ".github/workflows/validate.yml"
    mine.parent.mkdir(parents=True)
    mine.write_text("name: mine\n")
    wanted = ci_files("github")
    same = ".github/PULL_REQUEST_TEMPLATE.md"
    (folder / same).write_bytes(wanted[same])
    written = sorted(set(wanted) - {same, ".github/workflows/validate.yml"})
    added = add_ci(folder, "github")
    assert added == AddedCi(tuple(written), (".github/workflows/validate.yml",))
    assert mine.read_text() == "name: mine\n"
    assert all((folder / path).read_bytes() == wanted[path] for path in written)
    assert git(folder, "log", "--format=%s") == "Start registry acme"
    assert add_ci(folder, "github").written == ()


def test_ci_is_added_to_registries_only_and_not_through_links(tmp_path: Path) -> None:
    new_repository(tmp_path / "app", {"a": "b"})
    with pytest.raises(RegistryError):
        add_ci(tmp_path / "app", "github")
    new_registry(tmp_path / "models", name="acme")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "models/.github").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RegistryError):
        add_ci(tmp_path / "models", "github")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_bare_repository_is_told_what_to_do(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "server.git")
    with pytest.raises(ConflictError, match="is a bare repository") as caught:
        new_registry(tmp_path / "server.git", name="acme")
    assert caught.value.remedy.startswith("clone it")


KILLED = """
import os, signal, sys
from pathlib import Path
from registry_tool.scaffold import create as scaffold

def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

class Dying(type(Path())):
    moved = 0
    def rename(self, target):
        Dying.moved += 1
        if Dying.moved == 3:
            die()
        return super().rename(target)

where, at = sys.argv[1:]
if at == "half in its place":
    building = scaffold._building_place

    @scaffold.contextmanager
    def dying(folder):
        with building(folder) as place:
            yield Dying(place)

    scaffold._building_place = dying
else:
    setattr(scaffold, at, die)
scaffold.new_registry(Path(where), name="acme", hooks=False)
"""


@pytest.mark.parametrize("at", ["_init", "_first_commit", "_move_into_place"])
@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_command_left_is_taken_away(tmp_path: Path, at: str, *, there: bool) -> None:
    folder = tmp_path / "models"
    if there:
        folder.mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), at], check=False)
    assert done.returncode == -signal.SIGKILL
    left = [path.name for path in (folder if there else tmp_path).iterdir()]
    assert any(name.startswith(".new-registry-") for name in left)
    new_registry(folder, name="acme", hooks=False)
    assert git(folder, "ls-files").splitlines() == FILES
    assert git(folder, "status", "--porcelain") == ""
    assert list(tmp_path.iterdir()) == [folder]


def test_what_was_half_in_its_place_gets_there(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), "half in its place"], check=False
    )
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(ConflictError, match="not empty"):
        new_registry(folder, name="acme", hooks=False)
    assert git(folder, "status", "--porcelain") == ""
    assert sorted(path.name for path in folder.iterdir() if path.name != ".git") == sorted(
        {name.split("/")[0] for name in FILES}
    )


def test_a_place_where_somebody_builds_and_what_is_no_place_stay(tmp_path: Path) -> None:
    place, other = tmp_path / ".new-registry-01234567", tmp_path / ".new-registry-notes"
    for folder in (place, other):
        folder.mkdir()
        folder.with_name(f"{folder.name}.lock").touch()
    with acquire(place.with_name(f"{place.name}.lock"), place="here"):
        new_registry(tmp_path / "models", name="acme", hooks=False)
    assert place.is_dir()
    assert other.is_dir()


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize(
    ("remote", "extra"),
    [
        ("s3://acme/models", "[s3,site]"), ("ssh://me@host/data", "[ssh,site]"), ("webdavs://dav.example.org/x", "[webdav,site]"),
        ("gs://acme", "[gs,site]"), ("azure://acme", "[azure,site]"), ("https://example.org/x", "[site]"), ("../storage", "[site]"), (None, "[site]"),
    ],
)  # fmt: skip
def test_ci_installs_what_the_remote_needs(
    tmp_path: Path, ci: Host, remote: str | None, extra: str
) -> None:
    path = f".{ci}/registry-tool.txt"
    first, later = tmp_path / "first", tmp_path / "later"
    new_registry(first, name="acme", remote_url=remote, ci=ci, hooks=False)
    new_registry(later, name="acme", remote_url=remote, hooks=False)
    add_ci(later, ci)
    for folder in (first, later):
        assert (folder / path).read_text().splitlines()[-1] == f"registry-tool{extra}=={VERSION}"


@pytest.mark.parametrize(
    "config", [b"\xff", b"[core\n", b"core = 1\n", b"", b"[core]\nremote = x\n"]
)
def test_a_configuration_that_says_nothing_has_no_remote(config: bytes) -> None:
    assert remote_url(config) == ""
