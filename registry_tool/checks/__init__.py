"""The engine: rules over trees, findings, a verdict. The same functions serve hook, CI, server, CLI and library."""
