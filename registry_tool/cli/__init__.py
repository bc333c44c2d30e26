"""The command line: one small module per command; parse, call the library, draw, return a documented exit code."""

import gc

# A command makes many objects that stay (its imports), then ends. Looking for garbage among them costs a twentieth of
# a cold start; a long check still has it looked for, only less often.
gc.set_threshold(100_000, 20, 20)
