"""Rows about the check: of everything, cold and again, and of a small change among many versions."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Candidate, Measured, interleaved
from benchmarks.processes import peak_memory
from benchmarks.rows import Goal, Row, cost_at_most, either, every, flat, ratio_at_most
from benchmarks.scene import Scene, add_to_branch, git

__all__ = ["ROWS"]

_SCHEMA = Path(__file__).parents[2] / "schemas" / "version" / "v1.schema.json"
_SAMPLE = 300
_CHANGED = 10
_NEEDS_REVIEW = 3
_BRANCH = "change"


def _everything(scene: Scene) -> list[str | Path]:
    return scene.registry("check", "--all", "--repo", scene.published)


def _schema_alone(scene: Scene) -> Candidate:
    """The CPU that check-jsonschema takes for one more file, its start left out."""
    records = sorted(scene.checkout.glob("models/*/*/versions/*/version.yaml"))
    records = records[:: max(1, len(records) // _SAMPLE)][:_SAMPLE]
    program = scene.peers.program("check-jsonschema")
    command: list[str | Path] = [program, "--schemafile", _SCHEMA]

    def candidate() -> float:
        one = scene.ended([*command, records[0]]).cpu
        return (scene.ended([*command, *records]).cpu - one) / (len(records) - 1)

    return candidate


def _cold(scene: Scene) -> Measured:
    command = _everything(scene)

    def ours() -> float:
        return scene.ended(command, env=scene.cold()).cpu / scene.versions

    candidates: dict[str, Candidate] = {"ours": ours}
    if scene.peers.has("check-jsonschema"):
        candidates["peer"] = _schema_alone(scene)
    costs = interleaved(candidates, scene.effort)
    files = len(git(scene.published, "ls-tree", "-r", "--name-only", "main").splitlines())
    per_file = min(costs["ours"]) * scene.versions / files
    note = f"{files:,} files in all, {per_file * 1e6:,.0f} µs for each"
    note += "" if "peer" in candidates else f"; {scene.peers.why_not()}"
    return Measured(tuple(costs["ours"]), tuple(costs.get("peer", ())), note)


def _again(scene: Scene) -> Measured:
    env = scene.cold()
    command = _everything(scene)
    candidates = {
        "ours": scene.process(command, env=lambda: env),
        "peer": scene.process(["git", "ls-tree", "-r", "main"], folder=scene.published),
    }
    costs = interleaved(candidates, scene.effort)
    return Measured(tuple(costs["ours"]), tuple(costs["peer"]))


def _staged(scene: Scene) -> Candidate:
    """The check of one new version that is staged in the checkout."""
    files = scene.next_version(0)
    for path, content in files.items():
        place = scene.checkout / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    git(scene.checkout, "add", "--", *files)
    return scene.process(scene.registry("check", "--staged"), folder=scene.checkout)


def _one_staged(scene: Scene) -> Measured:
    costs = interleaved({"ours": _staged(scene), "peer": scene.empty()}, scene.effort)
    return Measured(tuple(costs["ours"]), tuple(costs["peer"]))


def _forgetful(folder: Path, kept: frozenset[Path], candidate: Callable[[], float]) -> Candidate:
    """What a run remembers in the repository itself is taken away before the next one."""

    def cold() -> float:
        for left in set(folder.iterdir()) - kept:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        return candidate()

    return cold


def _pull_request(scene: Scene) -> Measured:
    folder = scene.bare()
    files: dict[str, bytes] = {}
    for model in range(min(_CHANGED, scene.models)):
        files |= scene.next_version(model)
    add_to_branch(folder, _BRANCH, files)
    kept = frozenset(folder.iterdir())
    command = scene.registry("check", "--base", "main", "--head", _BRANCH, "--repo", folder)
    allowed = (0, _NEEDS_REVIEW)
    ours = scene.process(command, env=scene.cold, allowed=allowed)
    candidates = {"ours": _forgetful(folder, kept, ours), "peer": _staged(scene)}
    costs = interleaved(candidates, scene.effort)
    said = subprocess.run(
        [*command, "--format", "json"], env=scene.cold(), check=False, capture_output=True
    )
    report = json.loads(said.stdout)
    note = f"{report['checked']} files, verdict {report['verdict']}"
    return Measured(tuple(costs["ours"]), tuple(costs["peer"]), note)


def _memory(scene: Scene) -> Measured:
    ours, packs = peak_memory(_everything(scene), folder=scene.place, env=scene.cold())
    return Measured((float(ours),), note=f"git beside it, packs mapped: {packs / 1e6:,.0f} MB")


ROWS = (
    Row(
        "check-cold",
        "full check, cold, every rule: CPU of all that is checked, per version",
        "check-jsonschema, the CPU of one more version.yaml, one schema",
        Goal("≤ 1/60", ratio_at_most(1 / 60)),
        _cold,
    ),
    Row(
        "check-again",
        "full check, warm cache, nothing changed",
        "`git ls-tree -r`",
        Goal("≤ 4 times", ratio_at_most(4)),
        _again,
    ),
    Row(
        "check-staged",
        "staged check of one new version in a checkout, whole process",
        "`python -c pass`",
        Goal(
            "≤ 150 ms or ≤ 10 times; at the smallest size the same ± 20 %",
            every(either(ratio_at_most(10), cost_at_most(0.15)), flat(0.2)),
        ),
        _one_staged,
    ),
    Row(
        "check-pull-request",
        "check of a pull request with 10 new versions in a bare repository, no cache",
        "the staged check",
        Goal("≤ 2 times", ratio_at_most(2)),
        _pull_request,
    ),
    Row(
        "memory",
        "memory of a full check, cold",
        "none",
        Goal("≤ 500 MB", cost_at_most(500e6)),
        _memory,
        unit="B",
    ),
)
