"""The command line: one module per command: parse, call the API, print, return a documented exit code."""

import gc

# A command creates many objects that live until it ends (its imports). Collecting garbage among them costs a twentieth
# of a cold start; a long check still collects, only less often.
gc.set_threshold(100_000, 20, 20)
