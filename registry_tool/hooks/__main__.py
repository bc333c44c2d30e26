"""``python -m registry_tool.hooks``: see ``framework.main``."""

from __future__ import annotations

import sys

from registry_tool.hooks.framework import main

sys.exit(main(sys.argv[1:]))
