"""One write at a time, which happens as a whole or not at all."""
