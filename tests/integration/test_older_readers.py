"""Readers of an earlier release over a registry of today: they never serve a draft or a deleted version, and every other works.

``tests/data/releases`` has the modules that reading needs, of each release; ``pack.py`` there packs them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import git, run_program

import registry_tool as registry

RELEASES = Path(__file__).parents[1] / "data" / "releases"
PROGRAM = (
    "import sys; sys.argv[0] = 'registry'; from registry_tool.cli.fast_path import main; main()"
)
# What a service does with the library: what it can serve, as far as the release knows.
SERVICE = """
import json, sys, registry_tool as registry
from registry_tool.errors import RegistryError
found, served, latest = {}, {}, {}
with registry.open(sys.argv[1]) as reg:
    for model in reg.models():
        name = model.name
        found[name] = {v.version: v.state for v in reg.versions(name)}
        try:
            latest[name] = reg.version(name).version
        except RegistryError as error:
            latest[name] = type(error).__name__
        selectors = [*found[name], "1", "2", "3", "4", "5", "reserved", "candidate", "production", "kept", "gone"]
        for selector in dict.fromkeys(selectors):
            try:
                version = reg.version(f"{name}@{selector}")
                files = version.artifact("model").fetch().read_text()
                served[f"{name}@{selector}"] = files
            except RegistryError as error:
                served[f"{name}@{selector}"] = type(error).__name__
        list(reg.search("lang"))
    try:
        reg.at(reg.commit)
        reg.history("nlp/lang-id@1")
    except RegistryError as error:
        found["history"] = str(error)
print(json.dumps([found, latest, served]))
"""
LANG, OLD, ALONE = "nlp/lang-id", "nlp/old", "nlp/alone"


@pytest.fixture(scope="module", params=sorted(path.stem for path in RELEASES.glob("*.zip")))
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of an earlier release."""
    folder = tmp_path_factory.mktemp(f"release-{request.param}")
    with zipfile.ZipFile(RELEASES / f"{request.param}.zip") as packed:
        packed.extractall(folder)
    return folder


def _add(root: Path, *words: str) -> None:
    ran = run_program(*words, "--commit", cwd=root)
    assert ran.code == 0, (words, ran.err)


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with everything that came after the earlier releases."""
    top = tmp_path_factory.mktemp("today")
    root = top / "registry"
    made = run_program("init", str(root), "--name", "acme", "--remote", str(top / "store"), cwd=top)
    assert made.code == 0, made.err
    version = ("version", "add", LANG, "--framework", "custom")
    for number in range(1, 6):
        (top / f"{number}.bin").write_text(f"weights {number}")
    model = ("--task", "lid", "--owner", "@acme/speech", "--description", "X")
    _add(root, "model", "add", LANG, *model, "--title", "Language ID (v2, edge)")
    _add(root, *version, "--artifact", f"model={top / '1.bin'}", "--alias", "production", "--tag", "kept", "--metadata", "a=1")  # fmt: skip
    _add(root, *version, "--artifact", f"model={top / '2.bin'}", "--title", "Second try: 2")
    _add(root, *version, "--artifact", f"model={top / '3.bin'}", "--tag", "gone")
    _add(root, "delete", f"{LANG}@3", "--reason", "Registered twice.")
    _add(root, *version, "--draft", "--artifact", f"model={top / '4.bin'}", "--alias", "candidate", "--tag", "reserved", "--title", "Half")  # fmt: skip
    _add(root, *version, "--draft")
    _add(root, "annotate", f"{LANG}@1", "--remove", "a")
    for name in (OLD, ALONE):
        _add(root, "model", "add", name, *model)
    _add(root, "version", "add", OLD, "--framework", "custom", "--artifact", f"model={top / '5.bin'}")  # fmt: skip
    _add(root, "delete", OLD, "--reason", "Moved.")
    _add(root, "version", "add", ALONE, "--draft", "--artifact", f"model={top / '5.bin'}")
    with registry.open(root) as reg:
        reg.set_wire(LANG, "mlflow", {"user_id": "u"}, commit=True)
        reg.set_wire(f"{LANG}@1", "mlflow", {"run_link": "https://example.org"}, commit=True)
        reg.set_wire(f"{LANG}@4", "mlflow", {"run_link": "https://example.org"}, commit=True)
        reg.put_object("mlflow", "run", "bold-ape-7", {"x": 1}, commit=True)
        entry = {"name": "eval", "role": "dataset", "uri": "s3://bucket/eval.parquet"}
        by = {"by": "@acme/speech", "commit": True}
        reg.add_evidence(f"{LANG}@1", "artifacts", {"artifacts": [entry]}, name="one", **by)  # type: ignore[arg-type]  # of two kinds
        more = {"artifacts": [{**entry, "description": "Twice."}], "revises": "one"}
        reg.add_evidence(f"{LANG}@1", "artifacts", more, name="two", **by)  # type: ignore[arg-type]  # of two kinds
    (root / "serve.yaml").write_text("schema: serve/v1\nwrite: commit\nseal:\n  after: 10m\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--no-verify", "--message", "Serve")
    checked = run_program("check", "--all", cwd=root)
    assert checked.code == 0, checked.out + checked.err
    return root


def schemas_in(root: Path) -> set[str]:
    """The schema lines of all manifests."""
    return {path.read_text().partition("\n")[0] for path in root.rglob("*.yaml")}


def run_release(
    release: Path, code: str, *words: str, cwd: Path, home: Path
) -> subprocess.CompletedProcess[str]:
    """Run code with an earlier release and a cache of its own."""
    env = {**os.environ, "PYTHONPATH": str(release), "XDG_CACHE_HOME": str(home / "cache")}
    return subprocess.run(
        [sys.executable, "-B", "-c", code, *words],
        cwd=cwd, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_registry_has_what_is_new(today: Path) -> None:
    assert schemas_in(today) >= {
        f"schema: {kind}"
        for kind in (
            "draft/v1", "title/v1", "wire/v1", "deletion/v1", "object/v1", "serve/v1", "metadata/v2", "evidence/v3",
        )
    }  # fmt: skip
    assert {path.parent.name for path in today.rglob("draft.yaml")} == {"1", "4", "5"}


SERVED = {f"{LANG}@1": "1", f"{LANG}@2": "2", f"{LANG}@production": "1", f"{LANG}@kept": "1"}
REFUSED = (
    *(f"{LANG}@{name}" for name in ("3", "4", "5", "gone", "candidate", "reserved")),
    f"{OLD}@1", OLD, f"{ALONE}@1", ALONE,
)  # fmt: skip


@pytest.mark.parametrize("place", ["checkout", "bare", "url"])
def test_the_program(release: Path, today: Path, tmp_path: Path, place: str) -> None:
    home = today
    if place != "checkout":
        home = tmp_path / "bare.git"
        git(tmp_path, "clone", "--quiet", "--bare", str(today), str(home))
    source = f"file://{home}" if place == "url" else str(home)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return run_release(release, PROGRAM, *words, "--repo", source, cwd=tmp_path, home=tmp_path)

    few = place != "checkout"  # each is a process
    served = {LANG: "2"} if few else {**SERVED, LANG: "2"}
    for reference, number in served.items():
        ran = run("resolve", reference, "--format", "json")
        assert ran.returncode == 0, (reference, ran.stderr)
        assert json.loads(ran.stdout)["version"] == number
        out = tmp_path / f"out-{reference.replace('/', '-')}"
        ran = run("fetch", reference, "-o", str(out))
        assert ran.returncode == 0, (reference, ran.stderr)
        (file,) = (path for path in out.rglob("*") if path.is_file())
        assert file.read_text() == f"weights {number}"
    for reference in REFUSED[:2] if few else REFUSED:
        for words in (("resolve", reference), ("fetch", reference, "-o", str(tmp_path / "none"))):
            ran = run(*words)
            assert ran.returncode in {1, 2}, (words, ran.stdout, ran.stderr)
            assert "Traceback" not in ran.stderr
            assert not ran.stdout.strip()
    assert not list((tmp_path / "none").rglob("*.bin"))
    assert run("list").returncode == 0


def test_the_library(release: Path, today: Path, tmp_path: Path) -> None:
    ran = run_release(release, SERVICE, str(today), cwd=tmp_path, home=tmp_path)
    assert ran.returncode == 0, ran.stderr
    found, latest, served = json.loads(ran.stdout)
    assert found == {
        LANG: {"1": "active", "2": "active", "3": "withdrawn"}, OLD: {"1": "withdrawn"}, ALONE: {},
    }  # fmt: skip
    assert latest == {LANG: "2", OLD: "NotFoundError", ALONE: "NotFoundError"}
    files = {reference: what for reference, what in served.items() if what.startswith("weights")}
    assert files == {reference: f"weights {number}" for reference, number in SERVED.items()}
