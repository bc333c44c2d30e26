"""``python -m registry_tool``."""

from registry_tool.cli.main import main

main()
