"""What a checker finds wrong with messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXAMPLES = 20
SHOWN = 5  # values in a sentence


@dataclass(frozen=True)
class Violation:
    """kind: what promise was broken, for counting. sentence: where and how."""

    kind: str
    sentence: str


class Tally:
    """Counts violations by kind and keeps the sentences of the first."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: list[str] = []

    def add(self, violations: Iterable[Violation]) -> None:
        for violation in violations:
            self.counts[violation.kind] += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(f'{violation.kind}: {violation.sentence}')


def some(values: NDArray[np.generic]) -> str:
    """Return the first values of an array, and how many more there are."""
    shown = ', '.join(str(value) for value in values[:SHOWN].tolist())
    more = len(values) - SHOWN
    return f'{shown} and {more} more' if more > 0 else shown
