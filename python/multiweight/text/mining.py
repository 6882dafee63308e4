"""Texts -> candidate keywords: frequent words and phrases, with counts, examples and suggested groups."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from multiweight.base import yaml_file
from multiweight.base.errors import UserError
from multiweight.text.keywords import Candidate, Keywords

SEEDS = Path(__file__).with_name("seeds.yaml")
EXAMPLES = 3
TOGETHER = 0.4  # normalised pointwise mutual information from which two words are a phrase
ALIKE = 0.7  # cosine of two words' neighbours from which one's group is suggested for the other

Phrase = tuple[str, ...]


def mine(
    texts: Iterable[str], known: Keywords, min_count: int = 20, stop: Iterable[str] = (), seeds: Path = SEEDS
) -> Keywords:
    """``known`` with candidates from ``texts``: its groups and dropped words stay, what it has decided is no candidate.

    A candidate is a word, or two words that occur together, of at least ``min_count`` texts, no stop word, not a
    number alone. Its suggested group is that of a seed word it is or holds (``seeds.yaml``), else of
    the decided or seed word whose neighbours are most like its own.
    """
    texts = list(texts)
    seeded = _read_seeds(seeds)
    refused = {*stop, *seeded.pop("stop words", ())}
    tokens = [known.words(text) for text in texts]
    single, pairs = _counts(tokens)
    counts: dict[Phrase, int] = {(word,): n for word, n in single.items()}
    counts.update(
        {pair: n for pair, n in pairs.items() if n >= min_count and _npmi(pair, n, single, len(texts)) >= TOGETHER}
    )
    group_of = {tuple(known.words(word)): group for group, listed in seeded.items() for word in listed}
    group_of.update(known.group_of)
    decided = known.decided
    wanted = [
        phrase
        for phrase, n in counts.items()
        if n >= min_count
        and phrase not in decided
        and not any(word in refused for word in phrase)
        and not all(word.replace("/", "").isdigit() for word in phrase)
        and (len(phrase) > 1 or len(phrase[0]) > 1)
    ]
    wanted.sort(key=lambda phrase: (-counts[phrase], phrase))
    groups = _suggest(wanted, group_of, tokens)
    examples = _examples(wanted, tokens, texts)
    candidates = [
        Candidate(" ".join(phrase), counts[phrase], groups.get(phrase, ""), tuple(examples[phrase]))
        for phrase in wanted
    ]
    return Keywords(known.groups, known.kinds, known.drop, candidates)


def _read_seeds(path: Path) -> dict[str, list[str]]:
    root = yaml_file.read(path, "the seed words")
    if root is None or root.kind != "mapping":
        raise UserError(f"{path}: expected group: [words that suggest it]")
    words_of = {}
    for group, (line, node) in root.fields.items():
        if node.kind != "list" or any(item.kind != "text" for item in node.items):
            raise UserError(f"{path}:{line}: {group}: {node}: expected a list of words")
        words_of[group] = [item.text for item in node.items]
    return words_of


def _counts(tokens: Sequence[list[str]]) -> tuple[Counter[str], Counter[Phrase]]:
    """Texts with each word, and with each pair of words side by side."""
    single: Counter[str] = Counter()
    pairs: Counter[Phrase] = Counter()
    for words in tokens:
        single.update(set(words))
        pairs.update(set(zip(words, words[1:])))
    return single, pairs


def _npmi(pair: Phrase, together: int, single: Counter[str], texts: int) -> float:
    """-1 (never together) to 1 (never apart)."""
    if together == texts:
        return 1.0
    expected = single[pair[0]] * single[pair[1]] / texts
    return math.log(together / expected) / -math.log(together / texts)


def _suggest(
    wanted: Sequence[Phrase], group_of: Mapping[Phrase, str], tokens: Sequence[list[str]]
) -> dict[Phrase, str]:
    suggested: dict[Phrase, str] = {}
    rest: set[str] = set()
    for phrase in wanted:
        inside = [phrase, *((word,) for word in reversed(phrase))]
        group = next((group_of[part] for part in inside if part in group_of), None)
        if group is not None:
            suggested[phrase] = group
        elif len(phrase) == 1:
            rest.add(phrase[0])
    known = {phrase[0]: group for phrase, group in group_of.items() if len(phrase) == 1}
    around = _neighbours(tokens, rest | set(known))
    norms = {word: math.sqrt(sum(n * n for n in beside.values())) for word, beside in around.items()}
    for word in rest & set(around):
        best, alike = "", ALIKE
        for other, group in known.items():
            if other in around:
                beside = around[other]
                dot = sum(n * beside[name] for name, n in around[word].items() if name in beside)
                if dot / (norms[word] * norms[other]) > alike:
                    best, alike = group, dot / (norms[word] * norms[other])
        if best:
            suggested[word,] = best
    return suggested


def _neighbours(tokens: Sequence[list[str]], of: set[str]) -> dict[str, Counter[str]]:
    around: dict[str, Counter[str]] = {}
    for text in tokens:
        for before, word, after in zip(["", *text], text, [*text[1:], ""]):
            if word in of:
                around.setdefault(word, Counter()).update((f"{before} _", f"_ {after}"))
    return around


def _examples(wanted: Sequence[Phrase], tokens: Sequence[list[str]], texts: Sequence[str]) -> dict[Phrase, list[str]]:
    examples: dict[Phrase, list[str]] = {phrase: [] for phrase in wanted}
    for words, text in zip(tokens, texts):
        for phrase in {(word,) for word in words} | set(zip(words, words[1:])):
            listed = examples.get(phrase)
            if listed is not None and len(listed) < EXAMPLES and text not in listed:
                listed.append(text)
    return examples
