"""Rows about the start: commands as whole processes, against an empty Python process."""

from __future__ import annotations

import sys

from benchmarks.corpus import model_name
from benchmarks.figures import Measured, interleaved
from benchmarks.gto_tags import make_gto_repository
from benchmarks.rows import NO_GOAL, Goal, Row, ratio_at_most
from benchmarks.scene import Scene

__all__ = ["ROWS"]

_EMPTY = "`python -c pass`"
_GTO_LARGEST = 1000  # it takes five seconds there, and fifty at ten times as many


def _version(scene: Scene) -> Measured:
    ours = scene.process(scene.registry("--version"))
    costs = interleaved({"ours": ours, "peer": scene.empty()}, scene.effort)
    return Measured(tuple(costs["ours"]), tuple(costs["peer"]))


def _resolve(scene: Scene) -> Measured:
    asked = f"{model_name(7)}@production"
    command = scene.registry("resolve", asked, "--repo", scene.published)
    ours = scene.process(command, env=scene.cold)
    costs = interleaved({"ours": ours, "peer": scene.empty()}, scene.effort)
    return Measured(tuple(costs["ours"]), tuple(costs["peer"]))


def _open(scene: Scene) -> Measured:
    """What a service does first."""
    asked = f"{model_name(7)}@production"
    code = f"import registry_tool\nregistry_tool.open({str(scene.published)!r}).resolve({asked!r})"
    ours = scene.process([sys.executable, "-c", code], env=scene.cold)
    costs = interleaved({"ours": ours, "peer": scene.empty()}, scene.effort)
    return Measured(tuple(costs["ours"]), tuple(costs["peer"]))


def _resolve_gto(scene: Scene) -> Measured:
    command = scene.registry("resolve", f"{model_name(7)}@production", "--repo", scene.published)
    candidates = {"ours": scene.process(command, env=scene.cold)}
    if not scene.peers.has("gto"):
        costs = interleaved(candidates, scene.effort)
        return Measured(tuple(costs["ours"]), note=scene.peers.why_not())
    folder = make_gto_repository(scene.fresh("gto"), versions=scene.versions, models=scene.models)
    command = [scene.peers.program("gto"), "show", "model-0007#production", "--repo", folder]
    candidates["peer"] = lambda: scene.ended(command, folder=folder).seconds
    costs = interleaved(candidates, scene.effort)
    return Measured(tuple(costs["ours"]), tuple(costs["peer"]))


ROWS = (
    Row(
        "version",
        "`registry --version`, whole process",
        _EMPTY,
        Goal("≤ 5 times", ratio_at_most(5)),
        _version,
    ),
    Row(
        "resolve",
        "`registry resolve NS/NAME@ALIAS`, whole cold process, no cache at all",
        _EMPTY,
        Goal("≤ 6 times", ratio_at_most(6)),
        _resolve,
    ),
    Row(
        "open",
        "`import registry_tool`, `open(DIR).resolve(NS/NAME@ALIAS)`, whole cold process, no cache at all",
        _EMPTY,
        Goal("≤ 8 times", ratio_at_most(8)),
        _open,
    ),
    Row(
        "resolve-gto",
        "`registry resolve NS/NAME@ALIAS`, whole cold process, no cache at all",
        "`gto show NAME#STAGE`, tags on commits of an empty tree",
        NO_GOAL,
        _resolve_gto,
        largest=_GTO_LARGEST,
    ),
)
