"""The command line: one small module per command; parse, call the library, draw, return a documented exit code."""
