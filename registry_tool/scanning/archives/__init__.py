"""Archives and compressed streams, read forward with limits."""
