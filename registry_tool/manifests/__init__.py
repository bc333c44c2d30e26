"""The meaning of files: their paths, how they are read, their schemas, and their types."""
