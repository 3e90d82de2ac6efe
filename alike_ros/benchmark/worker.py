"""One contestant in a process of its own: `python -m alike_ros.benchmark.worker SPEC.json`.

Answers each line on stdin with one JSON line: first what it is, then one a frame.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np

from alike_ros.benchmark import ceilings, original, own, pairing, peers
from alike_ros.benchmark.contestant import Extract, Outputs, read_images
from alike_ros.benchmark.process import peak_bytes, resident_bytes, restart_peak, waited_s
from alike_ros.errors import AlikeError, first_line
from alike_ros.stages import measured_stages

OPENERS: dict[str, Callable[..., Extract]] = {
    'alike_ros': own.open_extractor,
    'dense': own.open_dense,
    'original': original.open_original,
    'peer': peers.open_peer,
    'matching': pairing.open_matching,
    'tracking': pairing.open_tracking,
    'ceiling': ceilings.open_ceiling,
}
WARM_UP_FRAMES = 3


def main() -> int:
    answers = _claim_stdout()
    spec = json.loads(Path(sys.argv[1]).read_text())
    try:
        contestant = _Running(spec)
    except (AlikeError, ImportError, MemoryError) as error:
        _answer(answers, {'error': first_line(error)})
        return 0
    _answer(answers, contestant.introduce())
    for _ in sys.stdin:
        _answer(answers, contestant.frame())
    return 0


class _Running:
    """An open contestant with its images."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._images = read_images(Path(spec['images']))
        cv2.setNumThreads(spec['threads'])  # the others read their environment
        begin_s = time.perf_counter()
        self._extract = OPENERS[spec['kind']](**spec['options'])
        self._idle_bytes = resident_bytes()
        restart_peak()
        outputs = self._extract(self._images)
        self._first_s = time.perf_counter() - begin_s
        _save(Path(spec['outputs']), outputs)
        for _ in range(WARM_UP_FRAMES):
            self._extract(self._images)

    def introduce(self) -> dict[str, Any]:
        return {'first_s': self._first_s, 'idle_bytes': self._idle_bytes}

    def frame(self) -> dict[str, Any]:
        """Take one frame's time, in seconds, and what it needed."""
        with measured_stages() as stages:
            waited_before_s, start_s = waited_s(), time.perf_counter()
            self._extract(self._images)
            elapsed_s, waited_after_s = time.perf_counter() - start_s, waited_s()
        return {
            'seconds': elapsed_s,
            'waited_s': waited_after_s - waited_before_s,
            'stages': dict(stages),
            'peak_bytes': peak_bytes() - self._idle_bytes,
        }


def _save(path: Path, outputs: list[Outputs]) -> None:
    arrays = {}
    for i, output in enumerate(outputs):
        arrays[f'keypoints{i}'] = output.keypoints
        arrays[f'descriptors{i}'] = output.descriptors
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _claim_stdout() -> TextIO:
    """Return what was stdout, and send there to stderr whatever a library prints."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, values: dict[str, Any]) -> None:
    answers.write(json.dumps(values) + '\n')
    answers.flush()


if __name__ == '__main__':
    sys.exit(main())
