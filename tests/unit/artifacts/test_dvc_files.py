from __future__ import annotations

import io
from typing import Any

import pytest
from ruamel.yaml import YAML

from registry_tool.artifacts.dvc_files import Pointer, pointer_from_data, render_pointer
from registry_tool.errors import InvalidManifestError

HEX = "d41d8cd98f00b204e9800998ecf8427e"
DIGESTS = [
    HEX,
    HEX + ".dir",
    "1" * 32,
    "0" * 32,
    "1234567890e123456789012345678901",
    "0b101010101010101010101010101010",
    "e1234567890123456789012345678901",
    "1" * 32 + ".dir",
]
PATHS = [
    "model",
    "model.bin",
    "yes",
    "with space",
    "#x",
    "a: b",
    "ünï",
    "'",
    '"',
    "-",
    "1e3",
    "010",
    "null",
    "~",
    "🚀",
    "@x",
    "\xa0",
]


@pytest.mark.parametrize("md5", DIGESTS)
def test_a_pointer_is_written_as_dvc_writes_it(md5: str) -> None:
    out: dict[str, object] = {"md5": md5, "size": 12, "hash": "md5", "path": "model.bin"}
    stream, yaml = io.BytesIO(), YAML()
    yaml.default_flow_style = False
    yaml.dump({"outs": [out]}, stream)
    ours = render_pointer(Pointer("model.bin", md5, 12))
    # DVC's writer leaves YAML 1.1's binary numbers plain; some readers would take them for numbers.
    assert ours == stream.getvalue() or md5.startswith("0b")


@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("md5", DIGESTS)
def test_every_reader_gives_back_what_was_written(
    md5: str, path: str, version: tuple[int, int]
) -> None:
    pointer = Pointer(path, md5, 12, nfiles=3, remote="other", push=False)
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.version = version
    assert pointer_from_data(yaml.load(render_pointer(pointer))) == pointer


def test_a_pointer_of_dvc_2_has_no_hash() -> None:
    pointer = pointer_from_data({"outs": [{"md5": HEX, "path": "model"}]})
    assert (pointer.hash, pointer.size, pointer.push) == (None, None, True)


BAD: dict[str, dict[str, object]] = {
    "no outs": {},
    "two": {"outs": [{"md5": HEX, "path": "a"}] * 2},
    "elsewhere": {"wdir": "..", "outs": [{"md5": HEX, "path": "a"}]},
    "a number": {"outs": [{"md5": 1234, "path": "a"}]},
    "no path": {"outs": [{"md5": HEX}]},
    "upwards": {"outs": [{"md5": "../" * 11, "path": "a"}]},
    "size": {"outs": [{"md5": HEX, "path": "a", "size": -1}]},
    "true": {"outs": [{"md5": HEX, "path": "a", "size": True}]},
    "cloud": {"outs": [{"md5": HEX, "path": "a", "cloud": {}}]},
    "push": {"outs": [{"md5": HEX, "path": "a", "push": "no"}]},
}


@pytest.mark.parametrize("name", BAD)
def test_a_pointer_we_cannot_follow_is_refused(name: str) -> None:
    with pytest.raises(InvalidManifestError):
        pointer_from_data(BAD[name])
