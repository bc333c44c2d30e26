"""The live catalog: what a server answers from, an immutable state of one commit that moves by differences."""
