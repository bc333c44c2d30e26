"""A registry whose bytes are on a real server, as somebody meets it who wants to read it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry_tool.artifacts.remotes.config import DvcSettings
from support import new_repository, run_program, write_files
from support.manifests import small_registry
from support.remote_servers import Server

__all__ = ["BIG", "FETCH", "SMALL", "Place", "is_whole", "new_place"]

_MEGA = 1 << 20
# Large enough to come in pieces where a server gives such.
BIG = os.urandom(40 * _MEGA + 17)
SMALL = {"vocab.txt": b"one two\n", "sub/rules.json": b"{}", "empty": b"", "ünï cöde": b"x"}
FETCH = ("fetch", "nlp/lang-id@2")


@dataclass(frozen=True)
class Place:
    """A registry on a server; its version 2 has the file ``BIG`` and the folder ``SMALL``.

    Attributes:
        root: Its folder.
        kind: The kind of server.
        server: The server, and the place on it.
    """

    root: Path
    kind: str
    server: Server

    def configure(self, own: Mapping[str, str]) -> None:
        """What a person keeps: the secrets."""
        lines = "".join(f"{key} = {value}\n" for key, value in own.items())
        (self.root / ".dvc/config.local").write_text(f"['remote \"storage\"']\n{lines}")

    def settings(self) -> DvcSettings:
        """The settings of its remote."""
        config = (self.root / ".dvc/config").read_bytes()
        return DvcSettings(config, self.root / ".dvc/config.local", self.root)

    def through(self, port: int) -> dict[str, str]:
        """The secrets, and the way by a proxy."""
        ways = {"url": self.server.url, **self.server.settings}
        old, new = f":{self.port}", f":{port}"
        turned = {key: value.replace(old, new) for key, value in ways.items() if old in value}
        return {**self.server.secrets, **turned}

    @property
    def port(self) -> int:
        """Where the server listens."""
        way = self.server.settings.get("endpointurl", self.server.url)
        return int(re.findall(r":(\d+)", way)[0])


def new_place(folder: Path, kind: str, server: Server) -> Place:
    """A registry on a server, and its bytes; nobody has them yet but the server."""
    committed = "".join(f"{key} = {value}\n" for key, value in server.settings.items())
    config = f"[core]\nremote = storage\n['remote \"storage\"']\nurl = {server.url}\n{committed}"
    files = {**small_registry(versions=("1",)), ".dvc/config": config}
    files[".gitignore"] = "/models/**/*.bin\n/models/**/parts\n/.dvc/config.local\n"
    if server.folder is not None:  # a place that held bytes before is not made anew
        server.folder.mkdir()
    made = Place(new_repository(folder / "registry", files), kind, server)
    made.configure(server.secrets)
    write_files(folder, {"big.bin": BIG, **{f"parts/{path}": data for path, data in SMALL.items()}})
    ran = run_program(
        "version", "add", "nlp/lang-id", "--artifact", f"model={folder / 'big.bin'}",
        "--artifact", f"parts={folder / 'parts'}", "--framework", "custom", "--commit",
        cwd=made.root, env={"PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return made


def is_whole(out: Path) -> bool:
    """True where a folder has all of version 2."""
    found = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    return found == {"big.bin": BIG, **{f"parts/{path}": data for path, data in SMALL.items()}}
