"""YAML 1.2: two readers, a writer, and edits that keep every other byte."""
