"""What a clone and a cache keep between runs: no damage to it changes an answer, and it holds no credentials."""

from __future__ import annotations

import shutil
from pathlib import Path

from support import commit, git, run_git, run_program, write_files
from support.git_servers import smart_http
from support.manifests import version_files

FOLDER = "models/nlp/lang-id"


def test_a_flipped_bit_does_not_give_a_name_again(registry: Path) -> None:
    second = version_files("9", same_as="nlp/lang-id@1")
    write_files(registry, second)
    commit(registry, "Add 9")
    shutil.rmtree(registry / FOLDER / "versions" / "9")
    commit(registry, "Lose 9")
    write_files(registry, version_files("9", same_as="nlp/lang-id@1", description="Other."))
    refused = run_program("check", cwd=registry)
    assert refused.code == 1, refused
    assert "C403" in refused.out
    note = registry / ".git" / "registry-tool" / "vanished.json"
    whole = note.read_bytes()
    # The name itself, a bit elsewhere, and a file that was cut off.
    damaged = whole.replace(b"/versions/9/", b"/versions/8/")
    assert damaged != whole
    for content in (damaged, whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:], whole[:70], b""):
        note.write_bytes(content)
        assert run_program("check", cwd=registry) == refused
        assert note.read_bytes() == whole


def test_grafts_do_not_give_a_name_again(registry: Path) -> None:
    second = version_files("9", same_as="nlp/lang-id@1")
    write_files(registry, second)
    commit(registry, "Add 9")
    shutil.rmtree(registry / FOLDER / "versions" / "9")
    tip = commit(registry, "Lose 9")
    write_files(registry, version_files("9", same_as="nlp/lang-id@1", description="Other."))
    (registry / ".git" / "info").mkdir(exist_ok=True)
    (registry / ".git" / "info" / "grafts").write_text(f"{tip}\n", encoding="ascii")
    refused = run_program("check", cwd=registry)
    assert refused.code == 1, refused
    assert "C403" in refused.out


def test_a_tag_named_like_the_branch_is_not_the_base(registry: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(registry), "work")
    work = tmp_path / "work"
    write_files(work, {"registry.yaml": (work / "registry.yaml").read_text() + "rules: {}\n"})
    commit(work, "Policy")
    wanted = run_program("check", "--base", "origin/main", cwd=work)
    git(work, "tag", "origin/main", "HEAD")
    assert git(work, "rev-parse", "origin/main") == git(work, "rev-parse", "HEAD")
    assert run_program("check", "--base", "origin/main", cwd=work) == wanted
    assert "registry.yaml" in wanted.out
    git(work, "tag", "main", "HEAD~1")
    ambiguous = run_program("list", "--ref", "main", cwd=work)
    assert ambiguous.code == 2
    assert "'main' is ambiguous: it matches refs/heads/main and refs/tags/main" in ambiguous.err


def test_no_credentials_are_shown_or_kept(tmp_path: Path, home: Path, registry: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(registry), "models.git")
    with smart_http(tmp_path) as base:
        url = base.replace("://", "://user:secret@") + "/models.git"
        for command in (["list"], ["history", "nlp/lang-id"], ["show", "nlp/nothing"], ["cache"]):
            where = [] if command == ["cache"] else ["--repo", url]
            ran = run_program(*command, *where, cwd=tmp_path)
            assert "secret" not in ran.out + ran.err, ran
            assert ran.code == (2 if "nlp/nothing" in command else 0), ran
    gone = run_program("list", "--repo", url, cwd=tmp_path)
    assert "***@127.0.0.1" in gone.err
    assert "secret" not in gone.out + gone.err
    never = run_program("list", "--repo", f"{url}2?private_token=secret", cwd=tmp_path)
    assert never.code == 4
    assert "secret" not in never.out + never.err
    kept = [p for p in home.rglob("*") if p.is_file() and b"secret" in p.read_bytes()]
    assert kept == []
    clones = home / ".cache" / "registry-tool" / "clones"
    assert clones.stat().st_mode & 0o077 == 0


def test_a_tree_of_thousands_of_levels_is_a_finding(registry: Path) -> None:
    path = "deep/" + "d/" * 1500 + "file"
    stream = (
        "commit refs/heads/deep\ncommitter A <a@example.org> 1 +0000\ndata 4\nDeep\n"
        f"from refs/heads/main^0\nM 100644 inline {path}\ndata 2\nx\n\n"
    )
    run_git(registry, "fast-import", "--quiet", stdin=stream.encode())
    ran = run_program("check", "--base", "main", "--head", "deep", cwd=registry)
    assert ran.code == 1, ran
    assert "deep:1:1: refuse F118 a folder in deep is more than 1,000 levels deep" in ran.out
    for command in ("list --ref deep", "diff main deep", "search lang --ref deep"):
        assert run_program(*command.split(" "), cwd=registry).code == 0
