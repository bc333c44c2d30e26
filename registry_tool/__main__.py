"""``python -m registry_tool``."""

from registry_tool.cli.fast_path import main

main()
