"""What MLSteam's SDK makes of packages in files: their manifests, and what they predict, without a server."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from mlsteam_client import configure, make_token

given = json.load(sys.stdin)["given"]
home = Path(given["folder"])
configure("http://127.0.0.1:1", home, make_token("http://127.0.0.1:1"))

from mlsteam_model_sdk.core.dev.manifest import read_manifest  # noqa: E402
from mlsteam_model_sdk.sdk.model import Model  # noqa: E402 (it reads the settings)

sdk = Model(offline=True)


def read(raw):
    """The schema of a manifest, or why the SDK does not take it."""
    try:
        return read_manifest(io.BytesIO(raw), validate=True).schema.value
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"


def list_local():
    """The table that its command line prints."""
    program = Path(sys.executable).with_name("mlsteam-model-cli")
    done = subprocess.run(
        [program, "mv", "list-local"], capture_output=True, text=True, check=True,
        env={**os.environ, "HOME": str(home)},
    )  # fmt: skip
    return [line.split() for line in done.stdout.splitlines()]


def take_in(path):
    """A package: its entries, its schema, what the SDK imports it as, and what it predicts with hooks."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        raw = archive.read("manifest.json")
    vuuid = sdk.import_model_version(path)
    folder = Path(sdk.get_model_version_dir(vuuid=vuuid))
    extracted = sorted(
        one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()
    )
    predicted = None
    if "hooks/predict.py" in names:
        loaded = sdk.load_model_version(vuuid=vuuid)
        predicted = loaded.predict(1)
        loaded.close()
    return {
        "vuuid": vuuid,
        "names": names,
        "extracted": extracted == sorted(names),
        "schema": read(raw),
        "manifest": json.loads(raw),
        "predicted": predicted,
    }


packages = [take_in(path) for path in given["packages"]]
rows = list_local()
for one in packages:
    vuuid = one.pop("vuuid")
    one["local"] = next(row[1:2] + row[3:4] for row in rows if vuuid in row)
    sdk.delete_model_version(vuuid=vuuid)
    one["deleted"] = not (home / ".mlsteam-model-sdk" / "models" / "extract" / vuuid).exists()
manifests = [read(json.dumps(one).encode()) for one in given["manifests"]]
print(json.dumps({"packages": packages, "manifests": manifests}))
