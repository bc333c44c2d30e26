"""Rules about what a change is: one kind of act at a time, and policy in the open."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.checks.kinds import ALONE, act_of, kind_of
from registry_tool.checks.rule import ChangeRule, ChangeView, Hit, Located, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.manifests.data import get
from registry_tool.manifests.layout import REGISTRY

__all__ = ["RULES"]

_FIXED = ("shard",)
_SHOWN = 5


def _subject(change: Located) -> str:
    """What a file is about, in words; empty outside models and namespaces."""
    place = change.place
    if place is None or (place.model is None and place.kind != "namespace"):
        return ""
    return named(str(place.model)) if place.model else f"namespace {named(place.name)}"


def _acts(changes: list[Located]) -> str:
    """What some files are, in a word or two."""
    kind = kind_of(changes)
    alone = sorted({act_of(change) for change in changes} & ALONE)
    return " and ".join(alone) if kind == "mixed" and alone else kind or ""


def _parts(view: ChangeView) -> Iterator[str]:
    """What a change is made of, by what it is about."""
    groups: dict[str, list[Located]] = {}
    for change in view.changes:
        groups.setdefault(_subject(change), []).append(change)
    for subject, changes in sorted(groups.items()):
        yield f"{subject}: {_acts(changes)}" if subject else _acts(changes)


def one_kind(view: ChangeView) -> Iterator[Hit]:
    """A change should be of one kind: a new model, a new version, a move of an alias, a tag, a status and so on.

    A pull request that adds a version and moves ``production`` in one go hides the second behind the first, and no
    policy for automatic merges fits it. So a person decides. A new version may bring its tags, its evidence and the
    card of its model, but nothing of another version; a new model its namespace, its first versions and aliases.

    Mend it: make two pull requests; the second may start from the first.

    Example:
        ``versions/4/version.yaml`` is new and ``aliases/production.yaml`` changes.
    """
    first: dict[str, str] = {}
    for change in view.changes:
        first.setdefault(act_of(change), change.path)
    # What may never change is refused by other rules, and splitting does not help it.
    alone = [] if "frozen" in first else [path for act, path in first.items() if act in ALONE]
    if kind_of(view.changes) == "mixed" and len(alone) > 1:
        parts = list(_parts(view))
        more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        yield Hit(
            "the change mixes kinds",
            path=max(alone, key=lambda path: path.count("/")),
            place=(1, 1),
            found="; ".join(parts[:_SHOWN]) + more,
            expected="one kind of change",
            remedy="split it into one pull request for each",
        )


def policy_is_seen(view: ChangeView) -> Iterator[Hit]:
    """A change to policy, to owners or to waivers needs the eyes of a person.

    These files decide how every later change is judged: ``registry.yaml``, ``namespace.yaml``, ``waivers/``, ``schemas/``,
    ``allowed_signers``, ``CODEOWNERS``, what runs in CI or merges by itself (``.github/``, ``.gitlab-ci.yml``, ``.gitea/``,
    ``.circleci/``, ``Jenkinsfile``, ``azure-pipelines.yml``, ``.mergify.yml`` and their like), and where bytes lie. The change itself is judged by what is
    published, so a waiver cannot waive the change that brings it. This rule cannot be waived.

    Mend it: nothing to mend; an owner of the registry reviews it.

    Example:
        a pull request lowers the severity of ``M208`` in ``registry.yaml``.
    """
    for change in view.changes:
        act = act_of(change)
        if act in {"policy", "waiver"}:
            what = "a waiver" if act == "waiver" else "policy"
            done = "added" if change.added else "removed" if change.removed else "changed"
            yield Hit(
                f"{what} is {done}",
                path=change.path,
                place=(1, 1),
                remedy="an owner of the registry reviews it",
            )


def layout_is_fixed(view: ChangeView) -> Iterator[Hit]:
    """Where files lie is decided when the registry is made.

    ``shard`` says in which folder a model lies; another value would make every path wrong at once, for readers, for
    open pull requests and for history. This rule cannot be waived.

    Mend it: put the value back.

    Example:
        ``shard: 2`` is added to the ``registry.yaml`` of a registry without shards.
    """
    if view.head.registry is None or view.head.registry.data is None:
        return
    for field in _FIXED:
        before, after = get(view.base.settings, field) or 0, get(view.head.settings, field) or 0
        if before != after:
            yield Hit(
                f"`{field}` was fixed when the registry was made",
                path=REGISTRY,
                at=(field,) if field in view.head.settings else (),
                found=str(after),
                expected=str(before),
                remedy=f"put back {field}: {before}" if before else f"delete `{field}`",
            )


RULES: tuple[Rule, ...] = (
    ChangeRule("C407", "a change is of one kind", "review", one_kind),
    ChangeRule("C409", "policy changes in the open", "review", policy_is_seen),
    ChangeRule("C410", "the layout is fixed", "refuse", layout_is_fixed),
)
