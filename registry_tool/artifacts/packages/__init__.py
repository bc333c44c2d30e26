"""Files as one archive: ZIP as a stream, and MLSteam's packages of models."""
