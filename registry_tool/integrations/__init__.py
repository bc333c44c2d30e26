"""Other tools' formats, both ways; one module for each neighbour."""
