"""``python -m registry_tool.demo``: train the demo's model, or use one."""

from __future__ import annotations

from pathlib import Path

import click

from registry_tool.demo.model import load, measure, save, texts, train


@click.group()
def demo() -> None:
    """The language identifier of the demo."""


@demo.command("train")
@click.argument("order", type=click.IntRange(1, 5))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, writable=True))
def train_command(*, order: int, file: Path) -> None:
    """Train a model on runs of ORDER letters and write it to FILE."""
    known = texts()
    model = train(known.learning, order=order)
    save(model, file)
    for key, value in measure(model, known.held_out).items():
        click.echo(f"{key} {value}")


@demo.command("identify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("texts", nargs=-1, required=True)
def identify_command(*, file: Path, texts: tuple[str, ...]) -> None:
    """Say which language each TEXT is in."""
    model = load(file)
    for text in texts:
        click.echo(f"{model.identify(text)}: {text}")


if __name__ == "__main__":
    demo(prog_name="python -m registry_tool.demo")
