"""Search in the browser: the rows of a registry as columns in shards, and the page that searches them."""
