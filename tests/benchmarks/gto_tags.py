"""A repository as GTO keeps a registry: an annotated tag for each version, and one for each stage of a model.

GTO allows one version of a model on a commit, so every version has a commit of its own; their trees are empty.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["make_gto_repository"]

_WHO = "Bench <bench@example.org> {} +0000"
_START = 1_700_000_000


def _stream(versions: int, models: int) -> Iterator[str]:
    for number in range(versions):
        name, version = f"model-{number % models:04}", number // models + 1
        who = _WHO.format(_START + number)
        yield f"commit refs/heads/main\nmark :{number + 1}\ncommitter {who}\ndata 4\nMore\n\n"
        yield f"tag {name}@v{version}.0.0\nfrom :{number + 1}\ntagger {who}\ndata 0\n\n"
    for number in range(models):
        for place, stage in enumerate(("staging", "production"), start=1):
            who = _WHO.format(_START + versions + place)
            name = f"model-{number:04}#{stage}#{place}"
            yield f"tag {name}\nfrom :{number + 1}\ntagger {who}\ndata 0\n\n"


def make_gto_repository(folder: Path, *, versions: int, models: int) -> Path:
    """As many versions and models as ours; the folder."""
    git = ["git", "-C", str(folder)]
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    stream = "".join(_stream(versions, models)).encode()
    subprocess.run([*git, "fast-import", "--quiet"], input=stream, check=True)
    subprocess.run([*git, "reset", "-q", "--hard"], check=True)
    subprocess.run([*git, "pack-refs", "--all"], check=True)
    return folder
