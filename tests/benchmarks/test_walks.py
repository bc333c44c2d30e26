"""The tracer counts what its documentation says, on a package that is small enough to count by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_TRACED = Path(__file__).with_name("crossings.py")
_TOY = {
    "__init__.py": "",
    "__main__.py": "from toy.top import main\nmain()\n",
    "top.py": """
from toy.left import one
from toy.left.two import once, each
from toy.right import thread

class Body:
    inside = [number for number in range(3)]

def main():
    one.plain()                       # into one and back 2, from there into two and back 2
    [once() for _ in range(3)]        # 6: the comprehension does not count, but what it calls
    (lambda: None)()
    list(each())                      # a generator: called once, resumed twice
    thread.started()
    raise SystemExit(0)
""",
    "left/__init__.py": "",
    "left/one.py": "from toy.left import two\ndef plain():\n    return two.once()\n",
    "left/two.py": "def once():\n    pass\ndef each():\n    yield 1\n    yield 2\n",
    "left/idle.py": "def never():\n    pass\n",
    "right/__init__.py": "",
    "right/thread.py": """
import os, threading
from toy.left import idle, two
def started():
    running = threading.Thread(target=inside)
    running.start()
    running.join()
def inside():
    two.once()
    deep(3)
def deep(number):
    return deep(number - 1) if number else fail()
def fail():
    try:
        raise ValueError
    except ValueError:
        os.path.join("a", "b")
""",
}  # fmt: skip


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    for path, text in _TOY.items():
        (tmp_path / "toy" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "toy" / path).write_text(text, encoding="utf-8")
    return tmp_path / "toy"


def _figures(toy: Path, *words: str) -> dict[str, int]:
    figures = toy.parent / "figures.json"
    subprocess.run([sys.executable, _TRACED, figures, toy, *words], cwd=toy.parent, check=True)
    found: dict[str, int] = json.loads(figures.read_text(encoding="utf-8"))
    return found


def test_a_run_is_counted(toy: Path) -> None:
    assert (
        _figures(toy, "toy")
        == {
            "imported": 5,  # top, one, two, idle, thread: not the three __init__, nor what runs as __main__
            "entered": 4,  # all but idle
            "functions": 8,  # main, plain, once, each, started, inside, deep, fail
            # main, plain + once, once three times, each three times, started; inside, once, deep four times, fail
            "calls": 17,
            # plain 2, once in it 2, once three times 6, each three times 6, started 2; in the other thread: once 2
            "modules": 20,
            "packages": 18,  # one and two are in one package, left
            "folders": 18,
            "depth": 6,  # in the thread: inside, deep four times, fail
        }
    )


def test_loose_modules_are_packages_but_one_folder(toy: Path) -> None:
    (toy / "other.py").write_text("def there():\n    pass\n", encoding="utf-8")
    (toy / "top.py").write_text(
        "from toy import other\ndef main():\n    other.there()\n", encoding="utf-8"
    )
    found = _figures(toy, "toy")
    assert (found["modules"], found["packages"], found["folders"]) == (2, 2, 0)


def test_code_is_traced_and_a_program_that_leaves_at_once(toy: Path) -> None:
    found = _figures(toy, "-c", "import os\nfrom toy.left.one import plain\nplain()\nos._exit(0)")
    assert (found["calls"], found["modules"], found["depth"]) == (2, 2, 2)


def test_walks_are_taken_by_a_program_its_hook_and_its_library() -> None:
    titles = ["resolve REF`", "pre-receive", ".metrics"]
    only = [word for title in titles for word in ("--only", title)]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("walks.py"), *only],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 2 + len(titles)
    for line in lines[2:]:
        figures = [int(cell.strip().replace(",", "")) for cell in line.split("|")[2:-1]]
        assert len(figures) == 8
        assert min(figures) > 0, line
