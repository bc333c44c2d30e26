"""``tfy login`` and ``tfy apply``, as people run them."""

import json
import os
import pathlib
import subprocess
import sys

given = json.load(sys.stdin)["given"]
folder = pathlib.Path(given["folder"])
tfy = pathlib.Path(sys.executable).with_name("tfy")
environment = {k: v for k, v in os.environ.items() if not k.startswith("TFY_")}


def run(*arguments):
    """One command; its exit code, and all that it prints on one line."""
    done = subprocess.run(
        [tfy, *arguments], env={**environment, "COLUMNS": "400"}, capture_output=True, text=True, check=False, timeout=200
    )  # fmt: skip
    return [done.returncode, " ".join((done.stdout + done.stderr).split())]


said = {"refused": run("login", "--host", given["url"], "--api-key", "tfy_wrong")}
said["login"] = run("login", "--host", given["url"], "--api-key", given["token"])
manifest = folder / "manifest.yaml"
manifest.write_text(
    """\
type: model-version
name: lang-id
ml_repo: speech
metadata: {team: nlp}
version_alias: v1.0
source: {type: external, uri: s3://bucket/lang-id}
---
type: ml-repo
name: speech
description: Speech models.
storage_integration_fqn: acme:store
collaborators: [{subject: "user:ada@example.org", role_id: mlf-project-admin}]
"""
)
said["dry run"] = run("apply", "-f", str(manifest), "--dry-run")
said["apply"] = run("apply", "-f", str(manifest))
said["again"] = run("apply", "-f", str(manifest))
manifest.write_text("type: model-version\nname: lang-id\nml_repo: speech\nsource: {type: external}\nmetadata: {}\n")  # fmt: skip
said["bad"] = run("apply", "-f", str(manifest))
manifest.write_text("type: team\nname: lang-id\n")
said["other"] = run("apply", "-f", str(manifest))
print(json.dumps(said))
