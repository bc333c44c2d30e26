"""Code that a file names or carries."""
