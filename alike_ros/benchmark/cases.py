"""What is compared with what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alike_ros.benchmark.contestant import Case, Contestant
from alike_ros.benchmark.images import batch_of, image_of
from alike_ros.benchmark.original import KEEP_MEMORY
from alike_ros.benchmark.pairing import matchers
from alike_ros.benchmark.peers import peers

DENSE, ORIGINAL, ORIGINAL_KEPT = 'dense', 'original', 'original, memory kept'
TRACKED_POINTS = 1000
MATCHED = ((1000, 128), (5000, 128))  # rows, length of a descriptor


@dataclass(frozen=True)
class Plan:
    """What a user asked for; sizes are (width, height) px, None the image's own."""

    models: tuple[str, ...]
    backends: tuple[str, ...]
    sizes: tuple[tuple[int, int] | None, ...]
    batches: tuple[int, ...]
    threads: int
    device: str = 'cpu'
    image: Path | None = None
    original: Path | None = None
    with_peers: bool = False
    xfeat: Path | None = None
    with_matching: bool = True
    weights: str = 'auto'


def cases(plan: Plan) -> Iterator[Case]:
    """Yield the cases of a plan; peers take part in the first of each size."""
    for size in plan.sizes:
        image = image_of(plan.image, size)
        for batch in plan.batches:
            images = batch_of(image, batch)
            for model in plan.models:
                invited = batch == 1 and model == plan.models[0] and plan.with_peers
                yield _extraction(plan, model, images, peers(plan.xfeat) if invited else [])
    if plan.with_matching:
        yield from _matching(plan.threads)


def _extraction(plan: Plan, model: str, images: np.ndarray, others: list[Contestant]) -> Case:
    common = {'model': model, 'device': plan.device, 'weights': plan.weights}
    threads = {'threads': plan.threads}
    own = [
        Contestant(name, 'alike_ros', {**common, **threads, 'backend': name})
        for name in plan.backends
    ]
    dense = Contestant(DENSE, 'dense', {**common, **threads})
    originals = _originals(plan.original, common) if plan.original else []
    batch, height, width = images.shape[:3]
    title = f'{model}, {width}x{height}' + (f', batch of {batch}' if batch > 1 else '')
    return Case(
        title,
        images,
        (*own, dense, *originals, *others),
        reference=ORIGINAL if originals else DENSE,
        baselines=(DENSE, *(contestant.label for contestant in originals)),
        threads=plan.threads,
        model=model,
    )


def _originals(folder: Path, common: dict[str, Any]) -> list[Contestant]:
    options = {**common, 'folder': str(folder.resolve())}
    return [
        Contestant(ORIGINAL, 'original', options),
        Contestant(ORIGINAL_KEPT, 'original', options, KEEP_MEMORY),
    ]


def _matching(threads: int) -> Iterator[Case]:
    for count, dim in MATCHED:
        title = f'mutual matching, {count} x {count} descriptors of {dim}'
        contestants = matchers(count, dim)
        yield Case(title, NO_IMAGES, contestants, 'numpy', ('numpy',), threads)
    options = {'count': TRACKED_POINTS, 'dim': 128}
    tracker = Contestant('alike_ros', 'tracking', options)
    title = f'tracking, {TRACKED_POINTS} points an image'
    yield Case(title, NO_IMAGES, (tracker,), '', (), threads)


NO_IMAGES = np.zeros((1, 1, 1, 3), np.uint8)
