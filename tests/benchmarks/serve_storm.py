"""The storm at full length: ``python tests/benchmarks/serve_storm.py --seconds 60 --kills 100``.

Sixteen clients write, people push through the hook, and the server is killed; then every acknowledged thing must be in a
fresh clone, once. With ``--packages`` the clients are the real ones of all six protocols, each in a process of its own;
otherwise requests of two protocols. The suite runs both short (tests/integration/clients/test_storm.py).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.manifests import small_registry
from support.package_storm import STORM_PACKAGES, run_package_storm, stored_registry
from support.wire_storm import check_storm, guarded_registry, run_storm

_TITLES: Final = {
    "m": "MLflow", "k": "Kubeflow", "t": "TrueFoundry", "b": "ModelBox", "o": "Kolena", "s": "MLSteam", "p": "people",
}  # fmt: skip


def main() -> None:
    """Run it and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--faces", default="mlflow,kubeflow")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--packages", action="store_true", help="the real client packages")
    parser.add_argument("--clients-of", default=",".join(STORM_PACKAGES), help="which packages")
    chosen = parser.parse_args()
    # A helper of a server that was killed may still write its cache.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.environ["REGISTRY_CACHE"] = str(folder / "cache")
        common = {"clients": chosen.clients, "kills": chosen.kills, "seed": chosen.seed}
        if chosen.packages:
            packages = chosen.clients_of.split(",")
            bare = stored_registry(folder)
            storm = run_package_storm(bare, packages=packages, seconds=chosen.seconds, **common)
        else:
            bare = guarded_registry(folder, small_registry())
            faces = tuple(chosen.faces.split(","))
            storm = run_storm(bare, seconds=chosen.seconds, faces=faces, **common)
        kinds = Counter(mark[5] for mark in storm.created)
        by_kind = ", ".join(f"{_TITLES[letter]} {kinds[letter]}" for letter in sorted(kinds))
        print(
            f"{len(storm.created)} created ({by_kind}), {len(storm.stored)} files, {len(storm.settings)} settings, "
            f"{len(storm.pushed)} pushed ({storm.unpaused} while all clients wrote), "
            f"{storm.kills} kills, {storm.broken} requests repeated, {len(storm.failures)} failures",
            flush=True,
        )
        check_storm(storm, folder)
        print(
            "every acknowledged write is in a fresh clone, once; git fsck and the check are clean"
        )


if __name__ == "__main__":
    main()
