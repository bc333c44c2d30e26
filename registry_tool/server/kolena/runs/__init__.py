"""Test runs: their inferences and metrics, and the evidence that they become."""
