"""Files that are generated from the code, for those who work on the project."""
