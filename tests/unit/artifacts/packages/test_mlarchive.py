"""MLSteam's packages: their layout, both schemas of their manifest, and archives that are none."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

import pytest
from support.mlsteam_manifests import GOOD, NEW, OLD

from registry_tool.artifacts.packages.mlarchive import (
    MANIFEST,
    PackageSchema,
    build_manifest,
    find_archive_problem,
    find_manifest_problem,
    is_package,
    order_files,
)
from registry_tool.manifests.problems import JSON

FILES: Final = frozenset({MANIFEST, "models/net/w.bin", "hooks/load.py", "src/load.py"})


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([MANIFEST, "models/a"], True),
        ([MANIFEST, "models/a/b", "hooks/load.py", "src/x/y.py"], True),
        ([MANIFEST], False),
        (["models/a"], False),
        ([MANIFEST, "models/a", "README.md"], False),
        ([MANIFEST, "models/a", "other/b"], False),
        ([MANIFEST, "models"], False),
        (["models/manifest.json"], False),
        ([], False),
    ],
)
def test_a_folder_of_this_form_alone_is_a_package(paths: list[str], *, expected: bool) -> None:
    assert is_package(paths) is expected


def test_the_manifest_comes_first() -> None:
    assert order_files(["models/a", "hooks/b", MANIFEST]) == [MANIFEST, "hooks/b", "models/a"]


@pytest.mark.parametrize("manifest", GOOD)
def test_a_manifest_of_either_schema_is_accepted(manifest: JSON) -> None:
    assert find_manifest_problem(json.dumps(manifest).encode(), FILES) == ""


BAD: Final[tuple[tuple[bytes | JSON, str], ...]] = (
    (b"", "manifest.json is not JSON in UTF-8"),
    (b"\xff\xfe", "manifest.json is not JSON in UTF-8"),
    (b"[" * 100_000, "manifest.json is not JSON in UTF-8"),
    (b" " * ((1 << 20) + 1), "manifest.json is larger than 1 MiB"),
    ([], "manifest.json: the manifest: found []; expected an object"),
    ({}, "manifest.json: models: the field is required"),
    ({"models": []}, "manifest.json: models: found []; expected a list with at least one entry"),
    ({"models": [{"name": "n", "version": "1"}]}, "manifest.json: models[0].framework: the field is required"),
    ({"models": [{"name": "", "version": "1", "framework": "pytorch"}]}, 'manifest.json: models[0].name: found ""; expected text'),
    ({"models": [{"name": "n", "version": 1, "framework": "pytorch"}]}, "manifest.json: models[0].version: found 1; expected text"),
    ({**OLD, "services": []}, "manifest.json: services: unknown field"),
    ({**NEW, "schema": "v2030.1"}, 'manifest.json: schema: found "v2030.1"; expected v2023.1 or v2024.1'),
    ({**NEW, "schema": ["v2024.1"]}, 'manifest.json: schema: found ["v2024.1"]; expected v2023.1 or v2024.1'),
    ({"schema": "v2024.1", "models": [{"name": "n"}]}, "manifest.json: version: the field is required"),
    ({**NEW, "models": [{"name": "net", "loader": "../evil.py"}]}, 'manifest.json: models[0].loader: found "../evil.py"; expected a relative path without `..`'),
    ({**NEW, "models": [{"name": "net", "loader": "/etc/passwd"}]}, 'manifest.json: models[0].loader: found "/etc/passwd"; expected a relative path without `..`'),
    ({**NEW, "models": [{"name": "net", "loader": {"file": "a/../b"}}]}, 'manifest.json: models[0].loader.file: found "a/../b"; expected a relative path without `..`'),
    ({**NEW, "models": [{"name": "net", "loader": "other.py"}]}, "manifest.json: models[0].loader: the package has no file src/other.py"),
    ({**NEW, "models": [{"name": "else", "loader": "load.py"}]}, "manifest.json: models[0].name: the package has no folder models/else/"),
    ({**NEW, "services": [{"name": "s", "predictor": {"file": "none.py"}}]}, "manifest.json: services[0].predictor: the package has no file src/none.py"),
    ({**NEW, "file_integrity_check": {"models": "never"}}, 'manifest.json: file_integrity_check.models: found "never"; expected one of skip, permissive, enforce, strictly-enforce'),
    ({**NEW, "in_memory_model_extraction": "no"}, 'manifest.json: in_memory_model_extraction: found "no"; expected true or false'),
)  # fmt: skip


@pytest.mark.parametrize(("manifest", "problem"), BAD)
def test_a_manifest_that_is_wrong_or_lies_is_told(manifest: bytes | JSON, problem: str) -> None:
    raw = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    assert find_manifest_problem(raw, FILES) == problem


def test_another_schema_than_the_one_that_is_wanted_is_told() -> None:
    raw = json.dumps(NEW).encode()
    assert find_manifest_problem(raw, FILES, "v2024.1") == ""
    assert "has the schema v2024.1; expected v2023.1" in find_manifest_problem(
        raw, FILES, "v2023.1"
    )


@pytest.mark.parametrize("schema", get_args(PackageSchema))
def test_a_manifest_that_is_made_is_good(schema: PackageSchema) -> None:
    raw = build_manifest(
        schema, name="Lang", version="1", models=["net"], description="Says", framework="pytorch"
    )
    assert find_manifest_problem(raw, FILES, schema) == ""
    assert json.loads(raw)["models"][0]["version"] == "1"


# --- archives


def archive(path: Path, files: Mapping[str, bytes], *, mode: int = stat.S_IFREG | 0o644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (mode if name != MANIFEST else stat.S_IFREG | 0o644) << 16
            target.writestr(info, content)
    return path


WHOLE: Final = {MANIFEST: json.dumps(OLD).encode(), "models/net/w.bin": b"41"}


def test_an_archive_of_this_form_is_a_package(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.mlarchive", {**WHOLE, "hooks/load.py": b""})
    assert find_archive_problem(whole) == ""
    assert "expected v2024.1" in find_archive_problem(whole, "v2024.1")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"../x": b"1"}, "is not a plain relative path"),
        ({"models/../../x": b"1"}, "is not a plain relative path"),
        ({"/etc/passwd": b"1"}, "is not a plain relative path"),
        ({"models\\..\\x": b"1"}, "contains a control character or a backslash"),
        ({"models/a\x1b[31m": b"1"}, "contains a control character or a backslash"),
        ({"README.md": b"1"}, "it needs manifest.json and models/, and may have only hooks/ and src/ besides"),
        ({"models/model-enc.mlarchive": b"1", "model-enc.mlarchive": b"1"}, "it is encrypted by MLSteam"),
        ({"models/zeros": b"\0" * (1 << 20)}, ""),
        ({MANIFEST: b"{}"}, "manifest.json: models: the field is required"),
    ],
)  # fmt: skip
def test_an_archive_with_other_content_is_told(
    tmp_path: Path, more: dict[str, bytes], problem: str
) -> None:
    found = find_archive_problem(archive(tmp_path / "a.mlarchive", {**WHOLE, **more}))
    assert found.endswith(problem)
    assert bool(found) is bool(problem)


def test_links_bombs_and_other_files_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = archive(tmp_path / "link", WHOLE, mode=stat.S_IFLNK | 0o777)
    assert find_archive_problem(link) == "'models/net/w.bin' is a symbolic link"
    (tmp_path / "text").write_bytes(b"no archive")
    assert find_archive_problem(tmp_path / "text") == "it is not a ZIP archive, or damaged"
    cut = archive(tmp_path / "cut", WHOLE).read_bytes()[:-30]
    (tmp_path / "cut").write_bytes(cut)
    assert find_archive_problem(tmp_path / "cut") == "it is not a ZIP archive, or damaged"
    monkeypatch.setattr("registry_tool.artifacts.packages.mlarchive._ALWAYS_FITS", 1 << 20)
    bomb = archive(tmp_path / "bomb", {**WHOLE, "models/zeros": b"\0" * (4 << 20)})
    assert "more than 100 times its size" in find_archive_problem(bomb)
    monkeypatch.setattr("registry_tool.artifacts.packages.mlarchive._MOST_FILES", 1)
    assert find_archive_problem(bomb) == "it has more than 1 files"


def test_two_files_with_one_path_and_damaged_content_are_told(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr(MANIFEST, json.dumps(OLD))
        for content in (b"1", b"2"):
            with pytest.warns(UserWarning, match="Duplicate") if content == b"2" else io.BytesIO():
                target.writestr("models/net/w.bin", content)
    (tmp_path / "twice").write_bytes(buffer.getvalue())
    assert find_archive_problem(tmp_path / "twice") == "two of its files have the same path"
    whole = archive(tmp_path / "damaged", WHOLE).read_bytes()
    at = whole.index(MANIFEST.encode()) + len(MANIFEST)
    (tmp_path / "damaged").write_bytes(whole[:at] + b"\xff" * 10 + whole[at + 10 :])
    assert find_archive_problem(tmp_path / "damaged") == "it is not a ZIP archive, or damaged"
