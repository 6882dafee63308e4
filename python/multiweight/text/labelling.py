"""What keywords make of texts: coverage, labels that never or always stand together, the least certain ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from typing import Any

from multiweight.base.markup import markdown as escaped
from multiweight.records.records import Label
from multiweight.text.keywords import Keywords
from multiweight.text.words import phrase

EXPECTED = 5.0  # texts in which two labels would stand together by chance, from which "never" is worth saying
ALWAYS = 0.98
FEW = 20


def report(texts: Iterable[str], keywords: Keywords) -> dict[str, Any]:
    """Counts over ``texts``.

    ``texts``, ``labelled`` (texts with a label); ``groups`` and ``labels``: texts of each; ``never``: pairs of labels
    of different groups that chance would bring together in 5 texts or more, and that never are; ``always``: (a, b):
    at least 98 % of the texts of a, 20 or more, have b; ``uncertain``: labels with ``alone``, the share of their texts
    in which they are their group's only label, lowest first; ``ambiguous``: words that mean labels of several groups.
    """
    total = labelled = 0
    single: Counter[Label] = Counter()
    alone: Counter[Label] = Counter()
    groups: Counter[str] = Counter()
    together: Counter[tuple[Label, Label]] = Counter()
    for text in texts:
        carried_labels = sorted(keywords.labels(text))
        total += 1
        labelled += bool(carried_labels)
        single.update(carried_labels)
        carried = Counter(group for group, _ in carried_labels)
        groups.update(carried.keys())
        alone.update(label for label in carried_labels if carried[label[0]] == 1)
        together.update(combinations(carried_labels, 2))
    every = {group: list(labels) for group, labels in keywords.groups.items()}
    never = [
        (a, b)
        for a, b in combinations(sorted(single), 2)
        if a[0] != b[0] and not together[a, b] and single[a] * single[b] / max(total, 1) >= EXPECTED
    ]
    never.sort(key=lambda pair: (-single[pair[0]] * single[pair[1]], pair))
    always = [
        (a, b) if together[a, b] >= ALWAYS * single[a] and single[a] >= FEW else (b, a)
        for a, b in sorted(together)
        for low in [min((single[a], a), (single[b], b))[0]]
        if low >= FEW and together[a, b] >= ALWAYS * low
    ]
    uncertain = sorted(((alone[label] / single[label], label) for label in single), key=lambda entry: entry)
    return {
        "texts": total,
        "labelled": labelled,
        "groups": {group: groups[group] for group in every},
        "labels": {group: {label: single[group, label] for label in labels} for group, labels in every.items()},
        "never": [["=".join(a), "=".join(b)] for a, b in never],
        "always": [["=".join(a), "=".join(b)] for a, b in always],
        "uncertain": [
            {"label": "=".join(label), "alone": share, "texts": single[label]}
            for share, label in uncertain
            if share < 1
        ],
        "ambiguous": ambiguous(keywords),
    }


def ambiguous(keywords: Keywords) -> dict[str, list[str]]:
    """Words and phrases that mean labels of several groups -> those labels."""
    meant: dict[str, list[str]] = {}
    for group, labels in keywords.groups.items():
        for label, means in labels.items():
            for word in means:
                meant.setdefault(" ".join(phrase(word)), []).append(f"{group}={label}")
    return {word: labels for word, labels in meant.items() if len(labels) > 1}


def markdown(counts: dict[str, Any]) -> str:
    """The report as a page."""
    share = counts["labelled"] / max(counts["texts"], 1)
    lines = [
        "# Labels from texts",
        "",
        f"{counts['labelled']:,} of {counts['texts']:,} texts ({share:.1%}) have a label.",
        "",
    ]
    lines += ["| group | texts | share | labels (texts) |", "|---|---|---|---|"]
    for group, count in counts["groups"].items():
        labels = sorted(counts["labels"][group].items(), key=lambda x: -x[1])
        listed = ", ".join(f"{escaped(label)} ({n})" for label, n in labels)
        lines.append(f"| {escaped(group)} | {count:,} | {count / max(counts['texts'], 1):.2%} | {listed} |")
    sections = [
        ("Never together, though chance would bring them together", [f"{a} and {b}" for a, b in counts["never"][:30]]),
        ("Always together: the first means the second", [f"{a} and {b}" for a, b in counts["always"][:30]]),
        (
            "Least certain: most often beside another label of their group",
            [f"{e['label']}: alone in {e['alone']:.0%} of {e['texts']} texts" for e in counts["uncertain"][:30]],
        ),
        ("Words of several groups", [f"{word}: {', '.join(labels)}" for word, labels in counts["ambiguous"].items()]),
    ]
    for title, entries in sections:
        lines += ["", f"## {title}", "", *([f"- {escaped(entry)}" for entry in entries] or ["None."])]
    return "\n".join(lines) + "\n"
