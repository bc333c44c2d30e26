"""The storm at full length: ``python tests/benchmarks/serve_storm.py --seconds 60 --kills 100``.

Sixteen clients of two protocols write, people push through the hook, and the server is killed; then every acknowledged
thing must be in a fresh clone, once. With ``--packages`` the clients are the real ones (``model-registry`` and
``mlflow-skinny``), each in a process of its own. The suite runs both short (tests/integration/clients/test_storm.py).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.manifests import small_registry
from support.package_storm import run_package_storm
from support.wire_storm import check_storm, guarded_registry, run_storm


def main() -> None:
    """Run it and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--faces", default="mlflow,kubeflow")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--packages", action="store_true", help="the real client packages")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["REGISTRY_CACHE"] = str(folder / "cache")
        bare = guarded_registry(folder, small_registry())
        common = {"clients": chosen.clients, "kills": chosen.kills, "seed": chosen.seed}
        if chosen.packages:
            storm = run_package_storm(bare, seconds=chosen.seconds, **common)
        else:
            faces = tuple(chosen.faces.split(","))
            storm = run_storm(bare, seconds=chosen.seconds, faces=faces, **common)
        print(
            f"{len(storm.created)} created, {len(storm.settings)} settings, "
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
