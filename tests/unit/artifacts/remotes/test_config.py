from __future__ import annotations

from pathlib import Path

import pytest
from dvc.config import Config
from support.dvc_schemas import known_options

from registry_tool.artifacts.remotes.config import DvcSettings, _levels, select_remote
from registry_tool.errors import NoRemoteError, RemoteError
from registry_tool.manifests.dvc_config import _ALL, _ANY, REFUSED

COMMITTED = b"""\
[core]
    remote = Storage
['remote "Storage"']
    url = s3://bucket/models
    endpointurl = https://s3.example.org
['remote "near"']
    url = ../../near
['remote "sub"']
    url = remote://near/deep/er
['remote "home"']
    url = ~/models
"""
LOCAL = """\
['remote "storage"']
    secret_access_key = local%%secret
['remote "near"']
    url = elsewhere
"""
GLOBAL = """\
['remote "storage"']
    secret_access_key = global-secret
    access_key_id = me
['remote "mine"']
    url = relative/to/this
"""


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def settings(tmp_path: Path) -> DvcSettings:
    root = tmp_path / "registry"
    put(root / ".dvc/config", COMMITTED.decode())
    put(tmp_path / "global/config", GLOBAL)
    put(
        tmp_path / "system/config",
        "[core]\n    remote = mine\n['remote \"mine\"']\n    url = shadowed\n",
    )
    return DvcSettings(COMMITTED, put(root / ".dvc/config.local", LOCAL), root)


def test_levels_are_merged_as_dvc_merges_them(settings: DvcSettings) -> None:
    assert settings.root is not None
    theirs = Config(str(settings.root / ".dvc"), validate=False)
    ours = _levels(settings).merged()
    assert {k: v for k, v in theirs["core"].items() if k in ours["core"]} == ours["core"]
    names = sorted(s.removeprefix("remote ") for s in ours if s.startswith("remote "))
    assert sorted(theirs["remote"]) == names == ["home", "mine", "near", "storage", "sub"]
    for name in names:
        assert theirs["remote"][name] == ours[f"remote {name}"]


def test_credentials_come_from_the_users_own_levels(settings: DvcSettings) -> None:
    chosen = select_remote(settings, None)
    assert (chosen.name, chosen.url) == ("storage", "s3://bucket/models")
    assert chosen.options["access_key_id"] == "me"
    assert "secret" not in repr(chosen)


def test_a_remote_may_refer_to_another(settings: DvcSettings) -> None:
    assert settings.root is not None
    url = select_remote(settings, "sub").url
    assert url == f"{settings.root}/.dvc/elsewhere/deep/er"


def test_a_relative_url_starts_at_the_dvc_folder(tmp_path: Path) -> None:
    settings = DvcSettings(b"['remote \"r\"']\nurl = ../../near\n", root=tmp_path / "registry")
    assert select_remote(settings, "r").url == str(tmp_path / "near")


def test_without_any_remote_the_remedy_is_the_command() -> None:
    with pytest.raises(NoRemoteError) as caught:
        select_remote(DvcSettings(), None)
    assert "dvc remote add -d storage URL" in caught.value.remedy


def test_without_a_default_the_known_one_is_proposed() -> None:
    with pytest.raises(NoRemoteError) as caught:
        select_remote(DvcSettings(b"['remote \"near\"']\nurl = /x\n"), None)
    assert "dvc remote default near" in caught.value.remedy


def test_an_unknown_name_is_answered_with_the_known_ones(settings: DvcSettings) -> None:
    with pytest.raises(NoRemoteError, match="'nowhere'; remotes: home, mine, near, storage, sub"):
        select_remote(settings, "nowhere")


BROKEN = {
    "not UTF-8": b"\xff\xfe\xff",
    "not a configuration": b"[core\n",
    "no url": b"['remote \"r\"']\nread_timeout = 3\n",
    "a list for a url": b"['remote \"r\"']\nurl = a, b\n",
    "a circle": b"['remote \"r\"']\nurl = remote://s/x\n['remote \"s\"']\nurl = remote://r/y\n",
    "a secret": b"['remote \"r\"']\nurl = s3://b\nsecret_access_key = x\n",
    "a password in its URL": b"['remote \"r\"']\nurl = https://user:hunter2@host/x\n",
    "a command": b"['remote \"r\"']\nurl = webdavs://h\nbearer_token_command = touch owned\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_committed_configuration_that_cannot_be_trusted_is_refused(name: str) -> None:
    with pytest.raises(RemoteError):
        select_remote(DvcSettings(BROKEN[name]), "r")


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(RemoteError) as caught:
        select_remote(DvcSettings(b"['remote \"r\"']\nurl = s3://b\npassword = hunter2\n"), "r")
    assert "hunter2" not in str(caught.value)
    assert "dvc remote modify --local r password" in caught.value.remedy


# --- the committed level is data

PRIVATE = {
    "profile": "s3://b/x",
    "ssl_verify": "s3://b/x",
    "keyfile": "ssh://h/x",
    "agent_forwarding": "ssh://h/x",
    "cert_path": "webdavs://h/x",
    "key_path": "webdavs://h/x",
    "kerb_ticket": "hdfs://h/x",
    "data_proxy_target": "webhdfs://h/x",
    "gdrive_user_credentials_file": "gdrive://folder/x",
    "gdrive_service_account_json_file_path": "gdrive://folder/x",
}


@pytest.mark.parametrize("option", PRIVATE)
def test_a_private_option_is_not_taken_from_a_commit(option: str, tmp_path: Path) -> None:
    committed = f"['remote \"r\"']\nurl = {PRIVATE[option]}\n{option} = false\n".encode()
    chosen = select_remote(DvcSettings(committed), "r")
    assert option not in chosen.options
    assert chosen.left_out == (option,)
    local = put(tmp_path / "config.local", f"['remote \"r\"']\n{option} = mine\n")
    own = select_remote(DvcSettings(committed, local), "r")
    assert (str(own.options[option]).endswith("mine"), own.left_out) == (True, ())


def test_every_option_of_dvc_is_decided_about() -> None:
    """An option that a new DVC brings is left out; one that it renames would be lost unseen."""
    known = {
        option
        for scheme, options in known_options().items()
        if scheme != "remote"
        for option in options
    }
    assert known - _ALL - _ANY - REFUSED == {
        "cert_path", "data_proxy_target", "gdrive_client_secret", "gdrive_service_account_json_file_path",
        "gdrive_user_credentials_file", "kerb_ticket", "key_path", "keyfile", "profile", "ssl_verify",
    }  # fmt: skip


def test_what_says_where_bytes_are_is_taken() -> None:
    config = (
        b"['remote \"r\"']\nurl = s3://b/x\nendpointurl = https://h\nregion = eu-west-1\n"
        b"ssl_verify = true\nallow_anonymous_login = true\n[cache]\ndir = /srv\n[core]\nremote = r\n"
    )
    chosen = select_remote(DvcSettings(config), None)
    assert dict(chosen.options) == {
        "endpointurl": "https://h", "region": "eu-west-1", "ssl_verify": "true", "allow_anonymous_login": "true",
    }  # fmt: skip
    assert "cache" not in _levels(DvcSettings(config)).merged()


@pytest.mark.parametrize(
    "lines",
    [
        "url = ssh://h$(touch${IFS}owned)/x",
        "url = ssh://h/x\nuser = me;touch owned",
        "url = s3://b/x\nregion = evil.example.org/",
        "url = azure://c/x\naccount_name = evil.example.org/",
        "url = s3://b/x\nendpointurl = https://user:hunter2@h",
        "url = s3://b/x\nendpointurl = https://collector.example.org?@s3.example.org",
        "url = s3://b/x\nendpointurl = 'https://collector.example.org#@s3.example.org'",
        "url = s3://b/x\nendpointurl = https://collector.example.org\\@s3.example.org",
        "url = s3://b/x\nendpointurl = https://collector.example.org?://s3.example.org",
        "url = oss://b/x\noss_endpoint = https://collector.example.org?@oss.example.org",
    ],
)
def test_a_host_that_is_more_than_a_host_is_refused(lines: str) -> None:
    with pytest.raises(RemoteError):
        select_remote(DvcSettings(f"['remote \"r\"']\n{lines}\n".encode()), "r")


BUSY = {
    "quotes": "k = " + '"",' * 40 + '"x',
    "blanks": "k" + " " * 60_000,
    "blanks in a value": "k = a" + " " * 30_000 + '",',
    "references": "\n".join(f"k{n} = {f'%(k{n + 1})s' * 100}" for n in range(10)),
    "one line": "k = " + "a" * 60_000,
}


@pytest.mark.parametrize("name", BUSY)
@pytest.mark.timeout(20)
def test_a_file_that_would_keep_a_reader_busy_is_refused(name: str) -> None:
    config = f"[core]\nremote = r\n{BUSY[name]}\n['remote \"r\"']\nurl = s3://b/x\n"
    with pytest.raises(RemoteError, match="is not a DVC configuration"):
        select_remote(DvcSettings(config.encode()), None)


def test_a_persons_own_file_may_have_long_lines(tmp_path: Path) -> None:
    local = put(tmp_path / "config.local", f"['remote \"r\"']\nsas_token = {'a' * 9000}\n")
    chosen = select_remote(DvcSettings(b"['remote \"r\"']\nurl = azure://c/x\n", local), "r")
    assert len(str(chosen.options["sas_token"])) == 9000
