"""What a file means: where it may lie, how it is read, which schema holds, which type it becomes."""
