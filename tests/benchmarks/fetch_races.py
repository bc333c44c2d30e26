"""Races on the way out: a version's bytes, against plain DVC and against a plain copy that is hashed.

All read the same objects of the same remote, into nothing: the cache and what was fetched before are removed before
each round. The plain copy knows where each object is, asks no manifest and compares the sha256 with nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import Ended
from benchmarks.races import MB, NO_GOAL, Environment, Race, Setting, program, timed
from support import new_repository
from support.manifests import model_yaml, namespace_yaml
from support.remote_servers import SERVERS, Server

__all__ = ["SHAPES", "fetched_from"]

_MD5 = re.compile(rb"md5: ([0-9a-f]{32})\n")
_PRESIGNED_SECONDS = 3600


def _one_file(place: Path) -> None:
    place.write_bytes(os.urandom(100 * MB))


def _folder_of(count: int) -> Callable[[Path], None]:
    def made(place: Path) -> None:
        place.mkdir()
        for number in range(count):
            (place / f"{number:04}.bin").write_bytes(os.urandom(10_000))

    return made


# What is fetched, and how it is made.
SHAPES: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "few": ("a folder of 3 files of 10 kB", _folder_of(3)),
    "file": ("one file of 100 MB", _one_file),
    "folder": ("a folder of 1,000 files of 10 kB", _folder_of(1000)),
}


def _level(options: Mapping[str, str]) -> str:
    return "".join(f"    {key} = {value}\n" for key, value in options.items())


def _settings(server: Server) -> dict[str, str]:
    """DVC's configuration of the remote: what is committed, and what is secret."""
    section = "['remote \"storage\"']\n"
    public = {"url": server.url, **server.settings}
    return {
        ".dvc/config": f"[core]\n    remote = storage\n{section}{_level(public)}",
        ".dvc/config.local": f"{section}{_level(server.secrets)}" if server.secrets else "",
    }


def _a_registry(home: Path, server: Server, source: Path, env: Environment) -> Path:
    """A registry with one version, whose bytes are on the remote."""
    files = {
        "registry.yaml": "schema: registry/v1\nname: bench\nremote: storage\n",
        ".gitignore": "/models/**/data\n/.dvc/config.local\n",
        "models/nlp/namespace.yaml": namespace_yaml(),
        "models/nlp/lang-id/model.yaml": model_yaml(),
        **_settings(server),
    }
    root = new_repository(home / "registry", files)
    asked = ["--artifact", str(source), "--framework", "onnx", "--commit"]
    timed([program("registry"), "version", "add", "nlp/lang-id", *asked], cwd=root, env=env)
    return root


def _a_dvc_repository(home: Path, server: Server, pointer: bytes, env: Environment) -> Path:
    """The same pointer and remote in a repository of plain DVC."""
    root = new_repository(home / "plain", {".gitignore": "/data\n"})
    timed([program("dvc"), "init", "-q"], cwd=root, env=env)
    for path, text in _settings(server).items():
        (root / path).write_text(text, encoding="utf-8")
    (root / "data.dvc").write_bytes(pointer)
    return root


def _objects(source: Path, pointer: bytes) -> dict[str, str]:
    """The objects of what is fetched: path by name in the artifact."""
    if source.is_file():
        (md5,) = _MD5.findall(pointer)
        return {"data": f"files/md5/{md5[:2].decode()}/{md5[2:].decode()}"}
    names = sorted(path.name for path in source.iterdir())
    said = subprocess.run(["md5sum", *names], cwd=source, capture_output=True, check=True).stdout
    digests = [line.split()[0] for line in said.decode().splitlines()]
    return {n: f"files/md5/{d[:2]}/{d[2:]}" for n, d in zip(names, digests, strict=True)}


def _copying(server: Server, objects: Mapping[str, str], home: Path) -> list[str]:
    """``cp`` of all objects."""
    listed = home / "objects"
    listed.write_text("".join(f"{server.folder}/{path}\n" for path in objects.values()))
    return ["sh", "-c", f"xargs cp -t plain-out < {shlex.quote(str(listed))}"]


def _downloading(server: Server, objects: Mapping[str, str], home: Path) -> list[str]:
    """``curl`` of all objects, in one process and at once; their addresses are signed beforehand."""
    secrets = {f"aws_{key}": value for key, value in server.secrets.items()}
    client = import_module("botocore.session").Session().create_client(
        "s3", region_name=server.settings["region"], endpoint_url=server.settings["endpointurl"], **secrets,
    )  # fmt: skip
    bucket, wanted = server.url.partition("://")[2], []
    for name, path in objects.items():
        place = {"Bucket": bucket, "Key": path}
        url = client.generate_presigned_url("get_object", place, _PRESIGNED_SECONDS)
        wanted.append(f'url = "{url}"\noutput = "plain-out/{name}"\n')
    listed = home / "curl.conf"
    listed.write_text("".join(wanted), encoding="utf-8")
    return ["curl", "-sfS", "--parallel", "-K", str(listed)]


# The copy that is hashed with what Python brings: as fast as this machine hashes.
_HASHED_BY_PYTHON = """
import hashlib, os, shutil, sys
for source in open(sys.argv[1]).read().split():
    target = "plain-out/" + os.path.basename(source)
    shutil.copyfile(source, target)
    with open(target, "rb") as stream:
        print(hashlib.file_digest(stream, "sha256").hexdigest())
"""


def fetched_from(kind: str, shape: str) -> Setting:
    """Fetch an artifact of some shape from a kind of remote."""
    what, made = SHAPES[shape]

    @contextmanager
    def setting(home: Path, env: Environment) -> Iterator[Sequence[Race]]:
        source = home / "data"
        made(source)
        with SERVERS[kind](home / "remote") as server:
            registry = _a_registry(home, server, source, env)
            pointer = registry / "models/nlp/lang-id/versions/1/data.dvc"
            plain = _a_dvc_repository(home, server, pointer.read_bytes(), env)
            objects = _objects(source, pointer.read_bytes())
            lane = _Lane(home, env, registry, plain)
            yield _races(f"fetch {what} from {kind}", lane, server, objects)

    return setting


class _Lane(NamedTuple):
    """Where a race is run: everything below ``home``, in a registry and in a repository of plain DVC."""

    home: Path
    env: Environment
    registry: Path
    plain: Path

    def ours(self, _: int) -> Ended:
        """Fetch with an empty cache."""
        out = self.home / "out"
        _empty(out, self.home / "cache")
        command = [program("registry"), "fetch", "nlp/lang-id@1", "-o", str(out)]
        return timed(command, cwd=self.registry, env=self.env)

    def dvc(self, _: int) -> Ended:
        """Pull with an empty cache."""
        _empty(self.plain / ".dvc/cache", self.plain / "data", self.home / "dvc-site")
        return timed([program("dvc"), "pull", "-q", "data.dvc"], cwd=self.plain, env=self.env)

    def copying(self, *commands: Sequence[str]) -> Callable[[int], Ended]:
        """Fill an empty folder."""
        folder = self.home / "plain-out"

        def run(_: int) -> Ended:
            _empty(folder)
            folder.mkdir()
            return timed(*commands, cwd=self.home, env=self.env)

        return run


def _empty(*places: Path) -> None:
    for place in places:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def _races(name: str, lane: _Lane, server: Server, objects: Mapping[str, str]) -> list[Race]:
    hashing = ["sh", "-c", "sha256sum plain-out/*"]
    found = [Race(name, "`dvc pull`", 0.5, lane.ours, lane.dvc)]
    if server.folder is None:
        plainly = lane.copying(_downloading(server, objects, lane.home), hashing)
        return [*found, Race(name, "`curl`, `sha256sum`", 1.3, lane.ours, plainly)]
    plainly = lane.copying(_copying(server, objects, lane.home), hashing)
    python = [program("python"), "-c", _HASHED_BY_PYTHON, str(lane.home / "objects")]
    return [
        *found,
        Race(name, "`cp`, `sha256sum`", 1.3, lane.ours, plainly),
        Race(name, "a copy hashed by Python's OpenSSL", NO_GOAL, lane.ours, lane.copying(python)),
    ]
