"""Packs the reader of an earlier release: ``python tests/data/releases/pack.py COMMIT``.

The archive contains the modules that reading needs, found by reading a registry with them; all of the packages that read
manifests, Git and artifacts, because they import more when they meet something unknown; and the schemas. It is what
``tests/integration/test_older_readers.py`` runs over registries of today. Pack a release when its format is published, and
do not edit an archive afterwards: https://docs.python.org/3/library/zipfile.html
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
# Prints the files of the package that were imported, at the end of what the arguments ask for.
TRACE = """
import atexit, sys
def show():
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if "registry_tool" in path:
            print("MODULE", path)
atexit.register(show)
"""
LIBRARY = """
import sys, registry_tool
with registry_tool.open(sys.argv[1]) as reg:
    for model in reg.models():
        for version in reg.versions(model.name):
            print(version, version.state, version.metrics, version.metadata, version.labels, version.aliases, version.tags)
            print(version.framework, version.description, version.created_at, version.notes)
        print(reg.model(model.name).versions)
    print(list(reg.search("lang")), reg.history("nlp/lang-id@1"))
    version = reg.version("nlp/lang-id@1")
    print([artifact.fetch() for artifact in version.artifacts()])
"""
WHOLE = ("manifests", "catalog", "git", "artifacts")
COMMAND = (
    "import sys; sys.argv[0] = 'registry'; from registry_tool.cli.fast_path import main; main()"
)
COMMANDS = (
    ("resolve", "nlp/lang-id"), ("resolve", "nlp/lang-id@1", "--format", "json"), ("resolve", "nlp/lang-id@production"),
    ("resolve", "nlp/lang-id@9"), ("resolve", "nlp/lang@1"), ("resolve", "nlp/lang-id@2"), ("list",), ("list", "nlp/lang-id"),
    ("show", "nlp/lang-id@1"), ("fetch", "nlp/lang-id@1", "-o", "out"), ("fetch", "nlp/lang-id@2", "-o", "out2"),
    ("resolve", "nlp/lang-id@2", "--allow-withdrawn"), ("resolve", "bad name"), ("lock", "nlp/lang-id@1"),
)  # fmt: skip


def _registry(folder: Path) -> Path:
    """A registry with two versions, one of them withdrawn, made by the program of today."""
    root = folder / "registry"
    (folder / "model.bin").write_bytes(b"weights" * 40)
    about = ("--task", "lid", "--owner", "@acme/speech", "--description", "X", "--commit")
    add = ("version", "add", "nlp/lang-id", "--framework", "custom", "--commit", "--artifact")
    for words in (
        ("init", str(root), "--name", "acme", "--remote", str(folder / "store")),
        ("model", "add", "nlp/lang-id", *about),
        (*add, str(folder / "model.bin"), "--alias", "production", "--metric", "accuracy=0.9"),
        (*add, str(folder / "model.bin"), "--same-as", "nlp/lang-id@1"),
        ("withdraw", "nlp/lang-id@2", "--reason", "Wrong.", "--commit"),
    ):
        command = [sys.executable, "-m", "registry_tool", *words]
        subprocess.run(command, cwd=root if root.exists() else ROOT, check=True)
    return root


def _imported(source: Path, registry: Path, code: str, *words: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-B", "-c", TRACE + code, *words],
        cwd=registry, env={"PYTHONPATH": str(source), "HOME": str(registry.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    paths = [
        line.partition(" ")[2] for line in ran.stdout.splitlines() if line.startswith("MODULE")
    ]
    return {str(Path(p).relative_to(source)) for p in paths if p.startswith(str(source))}


def main(commit: str) -> None:
    """Write ``<commit>.zip`` next to this file."""
    with tempfile.TemporaryDirectory() as name:
        folder, source = Path(name), Path(name) / "source"
        source.mkdir()
        archive = folder / "all.tar"
        subprocess.run(["git", "archive", "-o", str(archive), commit, "registry_tool", "schemas"], cwd=ROOT, check=True)  # fmt: skip
        subprocess.run(["tar", "xf", str(archive), "-C", str(source)], check=True)
        registry = _registry(folder)
        found = _imported(source, registry, LIBRARY, str(registry))
        for words in COMMANDS:
            found |= _imported(source, registry, COMMAND, *words)
        found |= {str(path.relative_to(source)) for path in (source / "schemas").rglob("*.json")}
        package = source / "registry_tool"
        modules = [*package.rglob("__init__.py"), *package.glob("*.py")]
        modules += [path for name in WHOLE for path in (package / name).rglob("*.py")]
        found |= {str(path.relative_to(source)) for path in modules}
        target = Path(__file__).with_name(f"{commit}.zip")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for path in sorted(found):
                # The same bytes whenever it is packed.
                info = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(info, (source / path).read_bytes(), compresslevel=9)


if __name__ == "__main__":
    main(sys.argv[1])
