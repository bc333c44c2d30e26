"""The ML client's main job: a repo, a model with files, a run, the version read, changed, downloaded and used as its snippet says."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

given = json.load(sys.stdin)["given"]
os.environ["TFY_ARTIFACTS_UPLOAD_MAX_WORKERS"] = "2"

from truefoundry.ml import PyTorchFramework, get_client  # noqa: E402

folder = pathlib.Path(tempfile.mkdtemp())
(folder / "code").mkdir()
(folder / "model.bin").write_bytes(b"\1" * 300_000)
(folder / "code" / "run.py").write_text("print(1)\n")
client = get_client()
client.create_ml_repo("speech", storage_integration_fqn="acme:store", description="Speech.")
said = {"repos": client.list_ml_repos()}
run = client.create_run(ml_repo="speech", run_name="first", tags={"stage": "train"})
run.log_params({"lr": 0.1})
run.log_metrics({"accuracy": 0.5}, step=0)
run.log_metrics({"accuracy": 0.9, "loss": 0.1}, step=3)
version = run.log_model(
    name="lang-id", model_file_or_folder=str(folder), framework=PyTorchFramework(), step=3, metadata={"team": "nlp"},
    description="First.",
)  # fmt: skip
run.end()
said["version"] = [
    version.fqn,
    version.step,
    version.description,
    version.metadata["team"],
    version.framework.type,
]
version.description = "Changed."
version.version_alias = "v1.0"
version.update()
again = client.get_model_version_by_fqn(version.fqn)
said["changed"] = [again.description, again.version_alias, ".truefoundry" in again.metadata]
said["by name"] = client.get_model_version("speech", "lang-id", 1).fqn
said["latest"] = client.get_model_version("speech", "lang-id", "latest").fqn
target = pathlib.Path(tempfile.mkdtemp())
info = again.download(path=str(target))
said["files"] = {
    str(one.relative_to(target)): one.stat().st_size
    for one in sorted(target.rglob("*"))
    if one.is_file()
}
said["versions"] = [one.fqn for one in client.list_model_versions("speech", "lang-id")]
kept = client.get_run_by_name("speech", "first")
said["run"] = [
    kept.status.value, kept.get_params(), {k: [m.value for m in v] for k, v in kept.get_metrics().items()}, kept.get_tags()["stage"],
]  # fmt: skip

from truefoundry import client as sdk  # noqa: E402

shown = sdk.model_versions.get_by_fqn(fqn=version.fqn).data
said["metrics"] = sorted([m.key, m.value, m.step] for m in shown.metrics)
used = subprocess.run(
    [sys.executable, "-c", shown.usage_code_snippet], capture_output=True, text=True, check=False
)
said["snippet"] = [used.returncode, sorted(one.name for one in pathlib.Path(used.stdout.split()[-1]).iterdir())] if used.returncode == 0 else used.stderr  # fmt: skip
said["deployable"] = shown.deployable
print(json.dumps(said))
