"""Writing to a repository: one command at a time, completely or not at all.

A write goes through these steps; a kill after any of them leaves the state before, or a journal to complete it from:

1. ``recovery.exclusive`` takes the lock of the repository (``lock``) and completes or rolls back an interrupted command.
2. The caller makes its change and writes the new objects. No ref uses them yet.
3. ``index.lock_index`` takes Git's own lock on the index and builds the new index next to it.
4. ``journal.write_journal`` records every file with its old state and new bytes, and syncs the record to the disk.
5. The branch moves (``commit.RefUpdate``), then the new index replaces the old one, then ``files.write_files`` updates
   the work tree.
6. ``journal.delete_journal``; the locks are released.

Without a commit, steps 3 and 5 are ``files.write_files`` alone: ``journal.write_with_journal``. Readers call
``journal.check_not_interrupted``.
"""
