"""The façade: what programs, the command line and servers call to read, check and change a registry."""
