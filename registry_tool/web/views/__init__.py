"""The values of each kind of page, as frozen dataclasses: nothing is computed that the command line does not say."""
