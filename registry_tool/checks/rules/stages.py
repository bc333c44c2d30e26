"""The rule about stages of promotion: their order, and what a namespace may change in them."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.checks.rule import Hit, RegistryRule, RegistryView, Rule
from registry_tool.manifests.data import Data, get, member, records, text
from registry_tool.manifests.layout import REGISTRY
from registry_tool.manifests.shown import shown
from registry_tool.promotion.stages import soak_of

__all__ = ["RULES"]


def _comes_back(stages: Data, start: str) -> bool:
    """True when following ``from`` leads back to a stage."""
    seen: set[str] = set()
    current = text(stages, start, "from")
    while current and current not in seen:
        if current == start:
            return True
        seen.add(current)
        current = text(stages, current, "from")
    return False


def _order(path: str, own: Data, stages: Data) -> Iterator[Hit]:
    """What is wrong with ``from`` in the stages of one file, among all stages that hold there."""
    for name in own:
        before = text(own, name, "from")
        if before and before not in stages:
            yield Hit(
                f"stage {name} comes from {before}, which is no stage",
                path=path,
                at=("stages", name, "from"),
                found=before,
                expected="one of " + ", ".join(stages),
                remedy=f"add the stage {before}, or correct `from`",
            )
        elif _comes_back(stages, name):
            yield Hit(
                f"following `from` leads from stage {name} back to it",
                path=path,
                at=("stages", name, "from"),
                found=before,
                expected="an order with a first stage",
                remedy="delete `from` in the stage that comes first",
            )


def _looser(wanted: Data, own: Data) -> Iterator[tuple[str, str, str]]:
    """The fields in which a stage asks for less than the registry's: field, found, expected."""
    if text(own, "from") != text(wanted, "from"):
        yield "from", text(own, "from") or "nothing", text(wanted, "from") or "nothing"
    if soak_of(text(own, "soak")) < soak_of(text(wanted, "soak")):
        yield "soak", text(own, "soak") or "nothing", f"at least {text(wanted, 'soak')}"
    gates = records(own, "require")
    for gate in records(wanted, "require"):
        if gate not in gates:
            yield "require", f"{len(gates)} gates without it", shown(dict(gate))


def _tightened(path: str, own: Data, stages: Data) -> Iterator[Hit]:
    for name in own:
        if name not in stages:
            continue
        for field, found, expected in _looser(member(stages, name), member(own, name)):
            at = ("stages", name, field) if get(own, name, field) is not None else ("stages", name)
            yield Hit(
                f"`{field}` of stage {name} asks for less than {REGISTRY} does",
                path=path,
                at=at,
                found=found,
                expected=expected,
                remedy=f"repeat the stage of {REGISTRY} and add to it",
            )


def stages_hold(view: RegistryView) -> Iterator[Hit]:
    """Stages must have an order that ends, and a namespace may only tighten them.

    ``from`` names a stage, and following it comes to a first one. A stage in ``namespace.yaml`` stands in place of the
    registry's: it has the same ``from``, at least the same ``soak``, and every gate of it unchanged; it may add gates,
    and a namespace may add stages. Otherwise a namespace could promote what the registry refuses.

    Mend it: repeat the registry's stage in ``namespace.yaml``, then add to it.

    Example:
        ``registry.yaml`` asks for ``{approvals: 2}`` and ``namespace.yaml`` for ``{approvals: 1}`` only.
    """
    stages = member(view.catalog.settings, "stages")
    yield from _order(REGISTRY, stages, stages)
    for namespace in view.namespaces:
        document = view.catalog.namespace(namespace)
        own = {} if document is None else member(document.data, "stages")
        if document is not None and own:
            yield from _order(document.path, own, {**stages, **own})
            yield from _tightened(document.path, own, stages)


RULES: tuple[Rule, ...] = (
    RegistryRule("R309", "stages have an order, and only tighten", "refuse", stages_hold),
)
