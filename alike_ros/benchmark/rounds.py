"""Contestants asked in turn for one frame each, round after round."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from alike_ros.benchmark.comparison import Comparison, compare, load_outputs
from alike_ros.benchmark.contestant import Case, Contestant, Outputs
from alike_ros.errors import BackendError

THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')
MAX_WAITED = 0.05  # share of a frame's time for which its threads may have waited for a core
ROUNDS_LIMIT = 3  # times the rounds wanted: then enough is enough on a busy machine


@dataclass(frozen=True)
class Sample:
    """One frame: seconds in all and by stage; `disturbed` when it waited for a core."""

    seconds: float
    stages: dict[str, float]
    disturbed: bool


@dataclass(frozen=True)
class Result:
    """What a contestant did in a case; index i of samples is round i of every contestant.

    first_s: from opening to the first output, without the start of Python.
    idle_bytes: resident size when open; growth_bytes: peak above that.
    failure: why it has no samples; empty when it has.
    """

    contestant: Contestant
    samples: list[Sample] = field(default_factory=list)
    outputs: list[Outputs] = field(default_factory=list)
    first_s: float = 0.0
    idle_bytes: int = 0
    growth_bytes: int = 0
    failure: str = ''
    comparison: Comparison | None = None


def run_case(
    case: Case, rounds: int, progress: Callable[[str], None] = lambda text: None
) -> list[Result]:
    """Return the results of a case's contestants, in their order."""
    with TemporaryDirectory(prefix='alike_bench_') as folder, ExitStack() as stack:
        np.save(Path(folder, 'images.npy'), case.images)
        workers = []
        for i, contestant in enumerate(case.contestants):
            progress(f'{case.title}: {contestant.label} warms up')
            workers.append(stack.enter_context(_worker(contestant, case, Path(folder), i)))
        running = [worker for worker in workers if not worker.failure]
        for i in range(ROUNDS_LIMIT * rounds):
            progress(f'{case.title}: round {i + 1}')
            for worker in running:
                worker.frame()
            if all(worker.undisturbed >= rounds for worker in running):
                break
        results = [worker.result() for worker in workers]
    return _compared(results, case.reference)


class _Worker:
    """The parent's end of one contestant's process.

    Between its frames it stands still: libraries' threads that spin in wait for more work would
    take a core from whoever is next.
    """

    def __init__(
        self, contestant: Contestant, process: subprocess.Popen[str], log: Path, outputs: Path
    ) -> None:
        self.contestant = contestant
        self._process = process
        self._log = log
        self._outputs = outputs
        self._samples: list[Sample] = []
        self._growth_bytes = 0
        self._introduction = self._read()
        self.failure: str = self._introduction.get('error', '')
        self._process.send_signal(signal.SIGSTOP)

    @property
    def undisturbed(self) -> int:
        return sum(not sample.disturbed for sample in self._samples)

    def frame(self) -> None:
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write('frame\n')
        self._process.stdin.flush()
        answer = self._read()
        self._process.send_signal(signal.SIGSTOP)
        if 'error' in answer:
            raise BackendError(f'{self.contestant.label} ended: {answer["error"]}')
        disturbed = answer['waited_s'] > MAX_WAITED * answer['seconds']
        self._samples.append(Sample(answer['seconds'], answer['stages'], disturbed))
        self._growth_bytes = answer['peak_bytes']

    def result(self) -> Result:
        if self.failure:
            return Result(self.contestant, failure=self.failure)
        return Result(
            self.contestant,
            self._samples,
            load_outputs(self._outputs),
            self._introduction['first_s'],
            self._introduction['idle_bytes'],
            self._growth_bytes,
        )

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        last_words = self._log.read_text(errors='replace').strip().splitlines()[-1:]
        return {'error': ': '.join([f'exit code {self._process.wait()}', *last_words])}


@contextmanager
def _worker(contestant: Contestant, case: Case, folder: Path, number: int) -> Iterator[_Worker]:
    spec, log = folder / f'{number}.json', folder / f'{number}.log'
    outputs = folder / f'{number}.npz'
    spec.write_text(
        json.dumps(
            {
                'kind': contestant.kind,
                'options': contestant.options,
                'threads': case.threads,
                'images': str(folder / 'images.npy'),
                'outputs': str(outputs),
            }
        )
    )
    threads = dict.fromkeys(THREAD_VARIABLES, str(case.threads))
    with (
        log.open('w') as errors,
        subprocess.Popen(
            [sys.executable, '-m', 'alike_ros.benchmark.worker', str(spec)],
            env={**os.environ, **threads, **contestant.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield _Worker(contestant, process, log, outputs)
        finally:
            process.kill()


def _compared(results: list[Result], reference: str) -> list[Result]:
    wanted = next((r.outputs for r in results if r.contestant.label == reference), [])
    return [
        Result(**{**vars(result), 'comparison': compare(result.outputs, wanted)})
        if wanted and result.outputs
        else result
        for result in results
    ]
