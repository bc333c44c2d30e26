"""The committed ``.dvc/config``: which remotes it names, and what of it is taken.

Whoever may write to a registry writes this file, so it is data. It says where bytes are and how to talk to that place;
it never names a file with credentials, a profile, a program, or certificates, and never switches the verification of
certificates off. Those options belong to a person: ``dvc remote modify --local``. The options are those of DVC's own
schema, https://github.com/iterative/dvc/blob/3.67.1/dvc/config_schema.py; a test holds the table to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

__all__ = [
    "CONFIG",
    "REFUSED",
    "SECRETS",
    "LeftOut",
    "Sections",
    "parse_remote_name",
    "parse_sections",
    "take",
    "unsafe_hosts",
]

CONFIG: Final = ".dvc/config"

# By section; the section of a remote is named ``remote NAME``.
Sections = dict[str, dict[str, object]]

_SECTION: Final = re.compile(r'^\s*(remote|machine|db)\s*"(.*)"\s*$')
_REMOTE: Final = "remote "
_REFERENCES: Final = 16
_LINE: Final = 4096
_QUOTES: Final = 16
_BLANKS: Final = " " * 65
# What a commit may say besides remotes; the other sections are about the machine that DVC runs on.
_GENERAL: Final[Mapping[str, frozenset[str]]] = {
    "core": frozenset(
        {
            "remote", "checksum_jobs", "interactive", "analytics", "hardlink_lock", "no_scm", "autostage",
            "check_update",
        }
    ),
    "cache": frozenset({"type", "protected", "shared", "slow_link_warning"}),
}  # fmt: skip
_ANY: Final = frozenset(
    {
        "url", "checksum_jobs", "jobs", "worktree", "no_traverse", "version_aware", "verify", "type", "protected",
        "shared", "slow_link_warning",
    }
)  # fmt: skip
_TIMES: Final = frozenset({"timeout", "connect_timeout", "read_timeout", "connection_timeout"})
_WEB: Final = frozenset({"auth", "custom_auth_header", "user", "ask_password", "method"}) | _TIMES
_DAV: Final = frozenset({"custom_auth_header", "user", "ask_password"}) | _TIMES
_TAKEN: Final[Mapping[str, frozenset[str]]] = {
    "s3": _TIMES
    | {
        "region", "endpointurl", "access_key_id", "listobjects", "use_ssl", "allow_anonymous_login", "sse",
        "sse_kms_key_id", "sse_customer_algorithm", "acl", "grant_read", "grant_read_acp", "grant_write_acp",
        "grant_full_control", "cache_regions",
    },
    "gs": frozenset({"projectname", "endpointurl", "allow_anonymous_login"}),
    "ssh": _TIMES
    | {"port", "user", "ask_password", "ask_passphrase", "gss_auth", "allow_agent", "max_sessions"},
    "hdfs": frozenset({"user", "replication"}),
    "webhdfs": frozenset({"kerberos", "kerberos_principal", "proxy_to", "use_https", "user"}),
    "azure": _TIMES
    | {
        "account_name", "tenant_id", "client_id", "allow_anonymous_login", "exclude_environment_credential",
        "exclude_visual_studio_code_credential", "exclude_shared_token_cache_credential",
        "exclude_managed_identity_credential",
    },
    "oss": frozenset({"oss_key_id", "oss_endpoint"}),
    "gdrive": frozenset(
        {
            "gdrive_use_service_account", "gdrive_client_id", "gdrive_service_account_user_email", "gdrive_trash_only",
            "gdrive_acknowledge_abuse",
        }
    ),
    "http": _WEB,
    "https": _WEB,
    "webdav": _DAV,
    "webdavs": _DAV,
}  # fmt: skip
_ALL: Final = frozenset[str]().union(*_TAKEN.values())
# Taken only where it says that certificates are verified, which is what happens anyway.
_VERIFY: Final = "ssl_verify"
# What everybody can read who can read the registry.
SECRETS: Final = frozenset(
    {
        "account_key", "client_secret", "connection_string", "gdrive_client_secret", "oss_key_secret", "passphrase",
        "password", "sas_token", "secret_access_key", "session_token", "sse_customer_key", "token",
    }
)  # fmt: skip
# What stops whoever reads it, and is not only left out.
REFUSED: Final = (SECRETS - {"gdrive_client_secret"}) | {
    "bearer_token_command", "configpath", "credentialpath",
}  # fmt: skip


# What has a meaning to a shell or a log. A driver may pass a host on to a program: `Match exec` in ~/.ssh/config does.
_UNSAFE: Final = re.compile(r"""[\s"'`$;&|<>(){}\\*?!#]""")
_LABEL: Final = re.compile(r"[A-Za-z0-9-]+")
_LABELS: Final = frozenset({"region", "account_name"})  # of a host's name


class LeftOut(NamedTuple):
    """An option of the committed file that is not taken from there.

    Attributes:
        section: Where it stands.
        remote: The remote that the section is about; empty where it is about none.
        option: Its name.
        value: What it says, which may be a secret.
    """

    section: str
    remote: str
    option: str
    value: str


def parse_remote_name(section: str) -> str:
    """The name of the remote that a section is about; empty for another section."""
    return section.removeprefix(_REMOTE) if section.startswith(_REMOTE) else ""


def _lower(data: Mapping[str, object]) -> dict[str, object]:
    return {
        key.lower(): _lower(value) if isinstance(value, dict) else value
        for key, value in data.items()
    }


def _check_bounds(text: str) -> None:
    """Refuse what would keep a reader busy for ever.

    ConfigObj's expressions take exponential time over quotes and square time over blanks, and its ``%(name)s`` multiply.
    """
    if text.count("%(") > _REFERENCES:
        raise ValueError(f"it has more than {_REFERENCES} references such as %(name)s")
    for number, line in enumerate(text.splitlines(), 1):
        quotes = line.count('"') + line.count("'")
        if len(line) > _LINE or quotes > _QUOTES or _BLANKS in line.replace("\t", " "):
            raise ValueError(
                f"line {number} has more than {_LINE} characters, {_QUOTES} quotes, or {len(_BLANKS) - 1} blanks in a row"
            )


def parse_sections(text: str, *, trusted: bool = False) -> Sections:
    """The sections of one file, as DVC reads it: names in lower case.

    Args:
        text: The file.
        trusted: It is a person's own, so that its lines need no bounds.

    Raises:
        ValueError: It is not such a file, or has lines that no such file has; the message says where.
    """
    from configobj import ConfigObj, ConfigObjError

    if not trusted:
        _check_bounds(text)
    try:
        raw = _lower(ConfigObj(text.splitlines()).dict())
    except ConfigObjError as exc:
        raise ValueError(str(exc)) from exc
    found: Sections = {}
    for section, options in raw.items():
        match = _SECTION.match(section)
        if isinstance(options, dict):
            found[f"{match[1]} {match[2]}" if match else section] = options
    return found


def unsafe_hosts(options: Mapping[str, object]) -> Iterator[str]:
    r"""The options of a remote that name a host, a user or a part of a host with characters that none has.

    A commit does not say what a driver would put into a command, or into another host's name. And libraries differ about
    where the host of ``https://a.org\@b.org`` ends.
    """
    scheme, _, rest = str(options.get("url", "")).partition("://")
    asked = {"url": rest.partition("/")[0]} if rest and scheme != "remote" else {}
    for key in ("endpointurl", "oss_endpoint"):
        if key in options:
            said = str(options[key])
            asked[key] = (said.partition("://")[2] or said).partition("/")[0]
    more = (*sorted(_LABELS), "port", *(("user",) if scheme == "ssh" else ()))
    asked.update({key: str(options[key]) for key in more if key in options})
    for option, value in asked.items():
        if _UNSAFE.search(value) or (option in _LABELS and not _LABEL.fullmatch(value)):
            yield option


def _is_taken(section: str, option: str, options: Mapping[str, object]) -> bool:
    if not parse_remote_name(section):
        return option in _GENERAL.get(section, ())
    if option == _VERIFY:
        return str(options[option]).lower() == "true"
    scheme = str(options.get("url", "")).partition("://")[0].lower()
    return option in _ANY or option in _TAKEN.get(scheme, _ALL)


def take(sections: Sections) -> tuple[Sections, list[LeftOut]]:
    """What is taken of the committed file, and what is left out."""
    taken: Sections = {}
    left: list[LeftOut] = []
    for section, options in sections.items():
        kept = {key: value for key, value in options.items() if _is_taken(section, key, options)}
        name = parse_remote_name(section)
        left += (
            LeftOut(section, name, key, str(value))
            for key, value in options.items()
            if key not in kept
        )
        if kept or name:
            taken[section] = kept
    return taken, left
