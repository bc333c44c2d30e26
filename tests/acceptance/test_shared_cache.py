"""A cache that several users share: nobody is given bytes that another one put there unseen, and nobody is blocked."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Ran, new_repository, put_object
from support.manifests import MODEL_BYTES, small_registry

import registry_tool

HOSTILE = b"x" * len(MODEL_BYTES)
SHA256 = hashlib.sha256(MODEL_BYTES).hexdigest()
REFERENCE = "nlp/lang-id@1"
ALICE, MALLORY = 65_533, 65_534

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be several users"
)


class Users:
    """A registry that all may read, and a cache that all may write to.

    Attributes:
        place: A folder that holds all.
        cache: The cache.
        root: The registry.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.cache = place / "cache"
        self.root = new_repository(place / "registry", small_registry())
        put_object(self.root, MODEL_BYTES)
        self.cache.mkdir()
        self.cache.chmod(0o777)
        for user in (ALICE, MALLORY):
            home = place / f"home-{user}"
            home.mkdir(mode=0o700)
            os.chown(home, user, user)
            (home / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")

    def run(self, user: int, *arguments: str) -> Ran:
        """Run Python as a user whose new files and folders are open to all, as groups share a cache."""
        home = self.place / f"home-{user}"
        # Root's Python may lie where other users cannot go, so it is reached through an open folder.
        python = os.open(sys.base_prefix, os.O_RDONLY | os.O_DIRECTORY)
        package = Path(registry_tool.__file__).parents[1]
        env = {
            "PATH": os.environ["PATH"], "HOME": str(home), "REGISTRY_CACHE": str(self.cache), "LC_ALL": "C.UTF-8",
            "PYTHONHOME": f"/proc/self/fd/{python}", "PYTHONPATH": f"{package}:{sysconfig.get_path('purelib')}",
        }  # fmt: skip
        program = Path(os.path.realpath(sys.executable)).relative_to(sys.base_prefix)
        command = [f"/proc/self/fd/{python}/{program}", *arguments]
        try:
            done = subprocess.run(
                command, cwd=home, env=env, capture_output=True, check=False, umask=0, pass_fds=[python],
                user=user, group=user, extra_groups=[],
            )  # fmt: skip
        finally:
            os.close(python)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def registry(self, user: int, *arguments: str) -> Ran:
        repo = () if "--repo" in arguments else ("--repo", str(self.root))
        return self.run(user, "-m", "registry_tool", *arguments, *repo)

    def act(self, user: int, code: str) -> None:
        """Run Python as a user: ``place`` is the object, ``cache`` the cache, ``bytes`` what is hostile."""
        prelude = (
            "import fcntl, os, pathlib, shutil, sys, time\n"
            f"cache, place = pathlib.Path({str(self.cache)!r}), pathlib.Path({str(self.object)!r})\n"
            f"hostile = {HOSTILE!r}\n"
        )
        done = self.run(user, "-c", prelude + code)
        assert done.code == 0, done.err

    @property
    def object(self) -> Path:
        return self.cache / "objects" / "sha256" / SHA256[:2] / SHA256[2:]

    def fetch(self, user: int, *options: str) -> bytes:
        out = self.place / f"home-{user}" / "out"
        shutil.rmtree(out, ignore_errors=True)
        done = self.registry(user, "fetch", REFERENCE, "-o", str(out), *options)
        assert done.code == 0, done.err
        return (out / "model.bin").read_bytes()


@pytest.fixture
def users() -> Iterator[Users]:
    place = Path(
        tempfile.mkdtemp(prefix="registry-users-")
    )  # the folders of pytest are closed to others
    place.chmod(0o755)
    yield Users(place)
    shutil.rmtree(place)


REPLACE = """
before = place.stat()
new = cache / "new"
new.write_bytes(hostile)
new.replace(place)
os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
"""


@pytest.mark.parametrize("first", [ALICE, MALLORY])
def test_an_object_that_another_user_replaced_is_not_delivered(users: Users, first: int) -> None:
    assert users.fetch(first) == MODEL_BYTES
    users.act(MALLORY, REPLACE)
    assert users.object.read_bytes() == HOSTILE
    assert users.fetch(ALICE) == MODEL_BYTES
    users.act(MALLORY, REPLACE)
    script = (
        f"import registry_tool as r, sys\nwith r.open({str(users.root)!r}) as reg:\n"
        f"    sys.stdout.write(reg.version({REFERENCE!r}).artifact().fetch().read_text())\n"
    )
    assert users.run(ALICE, "-c", script).out.encode() == MODEL_BYTES


def test_an_object_of_another_user_is_a_copy_before_it_is_handed_out(users: Users) -> None:
    """The owner of a file may write to it at any time after it was looked at."""
    assert users.fetch(MALLORY) == MODEL_BYTES
    script = (
        f"import registry_tool as r\nwith r.open({str(users.root)!r}) as reg:\n"
        f"    print(reg.version({REFERENCE!r}).artifact().fetch())\n"
    )
    path = Path(users.run(ALICE, "-c", script).out.strip())
    users.act(MALLORY, "place.chmod(0o644); place.write_bytes(hostile)")
    assert users.object.read_bytes() == HOSTILE
    assert path.read_bytes() == MODEL_BYTES


def test_a_file_of_ones_own_that_another_user_filled_and_moved_is_not_delivered(
    users: Users,
) -> None:
    """Alice unpacks an archive of Mallory's, whose times are those of a seal, in a folder that both may write to."""
    assert users.fetch(ALICE) == MODEL_BYTES
    drop = users.place / "drop"
    drop.mkdir()
    drop.chmod(0o777)
    users.act(
        ALICE,
        f"new = pathlib.Path({str(drop)!r}) / 'new'\nnew.write_bytes(hostile)\nnew.chmod(0o444)\n"
        "os.utime(new, ns=(time.time_ns(), place.stat().st_mtime_ns))\n",
    )
    users.act(MALLORY, f"pathlib.Path({str(drop)!r}, 'new').replace(place)")
    assert (users.object.read_bytes(), users.object.stat().st_uid) == (HOSTILE, ALICE)
    assert users.fetch(ALICE) == MODEL_BYTES


def test_what_is_ones_own_is_believed_in_a_shared_cache_too(users: Users) -> None:
    assert users.fetch(ALICE) == MODEL_BYTES
    # The proof that it is not read: wrong bytes with the old time are believed.
    users.act(
        ALICE,
        "before = place.stat()\nplace.chmod(0o644)\nplace.write_bytes(hostile)\nplace.chmod(0o444)\n"
        "os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))\n",
    )
    assert users.fetch(ALICE) == HOSTILE


def test_the_unfinished_download_of_another_user_blocks_nobody(users: Users) -> None:
    users.act(
        MALLORY,
        f"(cache / 'partial').mkdir()\n(cache / 'partial').chmod(0o777)\nfor name in ('', '.{ALICE}'):\n"
        f"    part = cache / 'partial' / ('{SHA256}' + name)\n    part.write_bytes(b'half')\n    part.chmod(0o600)\n",
    )  # fmt: skip
    part = users.cache / "partial" / SHA256
    assert users.fetch(ALICE) == MODEL_BYTES
    assert part.read_bytes() == b"half"
    users.object.unlink()
    part.chmod(0o666)
    with part.open("r+b") as stream:  # one that is open to all, and locked for ever
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX)
        assert users.fetch(ALICE) == MODEL_BYTES
    assert part.read_bytes() == b"half"


def test_folders_that_another_user_closed_are_gone_round(users: Users) -> None:
    users.act(MALLORY, "place.parent.mkdir(parents=True, mode=0o755); place.parent.chmod(0o755)")
    assert users.fetch(ALICE) == MODEL_BYTES
    assert not users.object.exists()


def test_a_registry_by_url_is_read_where_the_cache_cannot_be_written(users: Users) -> None:
    users.cache.chmod(0o755)
    done = users.registry(ALICE, "resolve", REFERENCE, "--repo", users.root.as_uri())
    assert done.code == 0, done.err
    assert "nlp/lang-id" in done.out
    assert "cannot be written, so the clone is temporary" in done.err
    users.cache.chmod(0o777)
    users.act(MALLORY, "(cache / 'clones').mkdir(mode=0o755); (cache / 'clones').chmod(0o755)")
    done = users.registry(ALICE, "resolve", REFERENCE, "--repo", users.root.as_uri())
    assert (done.code, done.err) == (0, "")
