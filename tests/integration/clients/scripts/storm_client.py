"""What every user in a storm does: takes turns until the storm is over, and repeats what broke as a careful user would."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from itertools import count
from pathlib import Path

__all__ = ["StormUser"]

_PATIENCE = 1800.0  # on a busy machine each start of the server takes long


class StormUser:
    """One user; what it was told goes to standard output at the end, and what its client prints goes elsewhere.

    Args:
        letter: That of its marks.
        is_final: True for an error that another attempt cannot change.
    """

    def __init__(self, letter, is_final):
        self.given = json.load(sys.stdin)
        self._letter, self._is_final = letter, is_final
        self._printed, sys.stdout = sys.stdout, sys.stderr
        self._said = {"created": [], "settings": {}, "stored": [], "repeated": 0, "failures": []}

    @property
    def number(self):
        """Its number among the users."""
        return self.given["number"]

    def until_done(self, work, *given):
        """What some work gives; it is repeated, and looks first for what an earlier attempt left."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                return work(*given)
            except Exception as error:
                if time.monotonic() > end or self._is_final(error):
                    self._said["failures"].append(repr(error)[:500])
                    return None
                self._said["repeated"] += 1
                time.sleep(0.1)

    def marks(self):
        """The mark of each turn, until the storm is over; a last letter makes one of it that is used once."""
        Path(self.given["ready"]).touch()
        over, pause = Path(self.given["over"]), Path(self.given["pause"])
        for turn in count(1):
            if over.exists() and turn > 1:
                return
            while pause.exists():
                time.sleep(0.02)
            yield f"mark-{self._letter}{self.number}x{turn}x"

    def created(self, *marks):
        """Note what was created and acknowledged."""
        self._said["created"] += marks

    def set_last(self, mark):
        """Note the mark that was set last, in the place of the one before."""
        self._said["settings"][f"{self._letter}{self.number}"] = mark

    def stored(self, content):
        """Note a file that was uploaded and acknowledged."""
        self._said["stored"].append(hashlib.md5(content, usedforsecurity=False).hexdigest())

    def finish(self):
        """Tell what was acknowledged."""
        print(json.dumps(self._said), file=self._printed, flush=True)
