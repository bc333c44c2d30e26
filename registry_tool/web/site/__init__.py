"""The catalog site as a folder of files: what has to be built, where it is built, and how it takes its place."""
