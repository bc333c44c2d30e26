"""``python -m registry_tool``."""

from registry_tool.cli.start import main

main()
