"""Files that are generated from the code, for developers of this project."""
