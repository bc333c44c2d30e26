"""``registry remote copy`` between a folder and an object store, both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support import new_repository, put_object, run_program
from support.manifests import MODEL_BYTES, small_registry
from support.remote_servers import Server

SECOND = b"nlp/lang-id@2"


def test_from_a_folder_to_s3_and_back(tmp_path: Path, servers: Callable[[str], Server]) -> None:
    server = servers("s3")
    committed = "".join(f"{key} = {value}\n" for key, value in server.settings.items())
    config = (
        "[core]\nremote = storage\n['remote \"storage\"']\nurl = ../../storage\n"
        f"['remote \"new\"']\nurl = {server.url}/copied\n{committed}"
    )
    files = {**small_registry(), ".dvc/config": config, ".gitignore": "/.dvc/config.local\n"}
    root = new_repository(tmp_path / "registry", files)
    own = "".join(f"{key} = {value}\n" for key, value in server.secrets.items())
    (root / ".dvc/config.local").write_text(f"['remote \"new\"']\n{own}")
    for content in (MODEL_BYTES, SECOND):
        put_object(tmp_path, content)

    def copy(*arguments: str) -> str:
        ran = run_program("remote", "copy", *arguments, cwd=root, env={"PYTHONWARNINGS": "ignore"})
        assert ran.code == 0, ran.err
        return ran.out

    assert "copied 2 objects" in copy("new")
    assert "copied 0 objects, 0 B; 2 already existed and were verified" in copy("new")
    assert "copied 2 objects" in copy(str(tmp_path / "back"), "--from", "new")
    found = {p.read_bytes() for p in (tmp_path / "back").rglob("*") if p.is_file()}
    assert found == {MODEL_BYTES, SECOND}
