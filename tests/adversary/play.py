"""Plays the adversary for as long as one likes: ``python tests/adversary/play.py --minutes 60 --seed 1 --out DIR``.

Writes into DIR, for each player, ``played.jsonl`` (each game, move by move, and how each ended), ``violation-N.json`` (the
shortest script found for each kind of violation; ``--replay FILE`` plays it again) and, also when it is interrupted,
``report.json``. Exit code 1: something broke.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[1]))

from adversary.games import Journal, Table, replay
from adversary.machines import OutOfTime, Player, RegistryPlayer, play_round

_SHRINK = 180.0
# So many rounds in a row that the player itself fails end a run: something it needs is gone.
_FAULTS = 5


def _own_home(home: Path) -> None:
    """Nothing of the user's is read or written."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "DVC_", "REGISTRY_"))]:
        del os.environ[name]
    home.mkdir(parents=True)
    (home / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n", encoding="utf-8")  # fmt: skip
    for role in ("AUTHOR", "COMMITTER"):
        os.environ.update({f"GIT_{role}_NAME": "A. Player", f"GIT_{role}_EMAIL": "player@example.org"})  # fmt: skip
    os.environ.update(
        {
            "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "REGISTRY_CACHE": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / ".config"), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "NO_COLOR": "1", "TERM": "dumb",
            "DVC_NO_ANALYTICS": "1", "DVC_GLOBAL_CONFIG_DIR": str(home / ".dvc-global"),
            "DVC_SYSTEM_CONFIG_DIR": str(home / ".dvc-system"), "DVC_SITE_CACHE_DIR": str(home / ".dvc-site"),
        }
    )  # fmt: skip


def _dealer(player: str, place: Path, hook: str) -> Callable[[], Table]:
    """Makes the worlds of a player."""
    if player == "registry":
        from adversary.registry_world import Template

        return Template(place, hook).world
    from adversary.bytes_world import BytesTemplate

    return BytesTemplate(place).world


def _machine(player: str) -> type[Player]:
    if player == "registry":
        return RegistryPlayer
    from adversary.bytes_player import BytesPlayer

    return BytesPlayer


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: with its report."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _rounds(machine: type[Player], first: int, log: Path) -> None:
    """Play rounds with seeds that follow one another, until the time is over."""
    in_a_row = 0
    for number in range(1_000_000):
        try:
            play_round(machine, first + number)
            in_a_row = 0
        except Exception:  # an hour alone goes on after a fault of the player itself, and tells
            if time.monotonic() >= machine.until:  # Hypothesis was stopped in the middle of a game
                raise OutOfTime from None
            with log.open("a", encoding="utf-8") as file:
                file.write(f"seed {first + number}\n{traceback.format_exc()}\n")
            print(f"seed {first + number}: the player itself failed, see {log}", flush=True)
            in_a_row += 1
            if in_a_row == _FAULTS:
                raise


def _play(player: str, options: argparse.Namespace, out: Path) -> int:
    """One player, in this process; how many kinds of violations it found."""
    # Beside what is written, not in a folder for temporary files: somebody tidies that within an hour.
    place = out.absolute() / f"worlds-{os.getpid()}"
    place.mkdir(parents=True)
    _own_home(place / "home")
    machine, start = _machine(player), time.monotonic()
    machine.dealt = staticmethod(_dealer(player, place / "games", options.hook))
    machine.journal = journal = Journal(out)
    machine.shrink_seconds = _SHRINK
    machine.endless, machine.until = True, start + options.minutes * 60
    try:
        with _interruptible():
            _rounds(machine, options.seed, out / "faults.txt")
    except (OutOfTime, KeyboardInterrupt):
        pass
    finally:
        report = {"player": player, "seed": options.seed, **journal.report(time.monotonic() - start)}  # fmt: skip
        (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
    pushes = report["pushes"]
    print(f"{player}: {journal.games} games, {journal.moves} moves in {report['seconds']} s, pushes {pushes}", flush=True)  # fmt: skip
    for key, game in journal.broken.items():
        print(f"{player}: {journal.repeated[key]} games broke {key}\n{game.text()}", flush=True)
    return len(journal.broken)


def _both(options: argparse.Namespace) -> int:
    """Each player in a process of its own."""
    shared = ["--minutes", str(options.minutes), "--seed", str(options.seed), "--hook", options.hook]  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, __file__, *shared, "--player", player, "--out", str(options.out)]
        )
        for player in ("registry", "bytes")
    ]

    def pass_on(number: int, frame: FrameType | None) -> None:
        for one in started:
            one.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    return sum(1 for one in started if one.wait())


def _again(player: str, options: argparse.Namespace) -> int:
    """Play one case again, and say how each move ended."""
    place = Path(tempfile.mkdtemp(prefix="players-"))
    _own_home(place / "home")
    moves = json.loads(options.replay.read_text(encoding="utf-8"))["moves"]
    said, found = replay(_dealer(player, place / "games", options.hook), moves)
    for move, word in zip(moves, said, strict=False):
        print(f"{word:>9}  {json.dumps(move)}")
    for one in found:
        print(f"{one.promise}: {one.path}: {one.words}")
    shutil.rmtree(place, ignore_errors=True)
    return len(found)


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--player", choices=["registry", "bytes", "both"], default="both")
    parser.add_argument(
        "--seed", type=int, default=0, help="the first of the rounds; the next ones follow"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("players"), help="a folder for logs and reports"
    )
    parser.add_argument(
        "--hook", choices=["inside", "process"], default="inside", help="how pushes are judged"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play a case again instead")
    options = parser.parse_args()
    if options.replay is not None:
        return 1 if _again(options.player, options) else 0
    if options.player == "both":
        return 1 if _both(options) else 0
    return 1 if _play(options.player, options, options.out / options.player) else 0


if __name__ == "__main__":
    sys.exit(main())
