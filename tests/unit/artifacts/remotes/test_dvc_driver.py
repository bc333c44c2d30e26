from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from dvc.config import Config

from registry_tool.artifacts.remotes.config import DvcSettings, select_remote
from registry_tool.artifacts.remotes.dvc_driver import _known_hosts
from registry_tool.artifacts.remotes.open import open_remote
from registry_tool.errors import RemoteError


def config(url: str, **options: str) -> bytes:
    lines = ["[core]", "remote = storage", "['remote \"storage\"']", f"url = {url}"]
    return "\n".join([*lines, *(f"{k} = {v}" for k, v in options.items())]).encode()


@pytest.mark.parametrize(
    ("url", "options", "secret"),
    [
        ("webdavs://host/x", {"user": "alice"}, "password PASSWORD"),
        ("https://host/x", {"auth": "basic", "user": "alice"}, "password PASSWORD"),
    ],
)
def test_a_user_without_a_secret_is_told_what_to_set(
    url: str, options: dict[str, str], secret: str
) -> None:
    with pytest.raises(
        RemoteError, match="no credentials for it were found on this machine"
    ) as caught:
        open_remote(DvcSettings(config(url, **options)))
    assert f"dvc remote modify --local storage {secret}" in caught.value.remedy


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("gs://bucket/models", {"projectname": "acme", "credentialpath": "/keys/gs.json"}),
        ("azure://container/models", {"account_name": "acme", "account_key": "c2VjcmV0"}),
        ("azure://container/models", {"connection_string": "AccountName=acme;AccountKey=c2VjcmV0"}),
        ("s3://bucket/models", {"access_key_id": "a", "secret_access_key": "b", "region": "eu"}),
    ],
)
def test_settings_of_every_cloud_are_resolved_as_dvc_does(
    tmp_path: Path, url: str, own: dict[str, str]
) -> None:
    """Secrets come from the local level, and DVC's own schema takes what we hand on."""
    local = tmp_path / "config.local"
    lines = "\n".join(f"{key} = {value}" for key, value in own.items())
    local.write_text(f"['remote \"storage\"']\n{lines}\n")
    chosen = select_remote(DvcSettings(config(url), local_config=local), None)
    assert (chosen.url, dict(chosen.options)) == (url, own)
    checked = Config.validate({"remote": {"storage": {"url": chosen.url, **chosen.options}}})
    assert checked["remote"]["storage"]["url"] == url


@pytest.mark.parametrize("key", ["account_key", "connection_string", "sas_token", "credentialpath"])
def test_secrets_of_clouds_are_not_committed(key: str) -> None:
    with pytest.raises(RemoteError, match=f"sets `{key}`"):
        select_remote(DvcSettings(config("azure://c/x", **{key: "x"})), None)


def test_the_key_of_a_known_host_has_to_be_the_one_that_is_known(home: Path) -> None:
    assert _known_hosts("example.org", 22) is None
    folder = home / ".ssh"
    folder.mkdir()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / "host")], check=True
    )
    key = (home / "host.pub").read_text().rsplit(" ", 1)[0]
    (folder / "known_hosts").write_text(f"example.org {key}\n[near.example.org]:2222 {key}\n")
    assert _known_hosts("example.org", 22) == str(folder / "known_hosts")
    assert _known_hosts("near.example.org", 2222) == str(folder / "known_hosts")
    assert _known_hosts("near.example.org", 22) is None
    assert _known_hosts("elsewhere.example.org", 22) is None
