"""Runs a program of the documents with MLSteam's SDK; it prints one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mlsteam_client import configure, make_token

given = json.load(sys.stdin)["given"]
url = given["url"]
configure(url, Path(given["folder"]), make_token(url), given["project"])
exec(compile(given["program"], "page", "exec"))
