"""Git: trees to read, objects to write, clones of remote repositories, transactions on a checkout."""
