"""The gates of a stage, one module for each kind."""
