"""One soak: processes started, strained, watched and ended, and what came of it."""

from __future__ import annotations

import argparse
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from alike_ros.bags import BagWriter
from alike_ros.camera import camera_info_fields
from alike_ros.config import ExtractorConfig, TrackerConfig, Value, parameters
from alike_ros.errors import AlikeError
from alike_ros.image_message import image_fields
from alike_ros.ros.graph.children import Child, Children
from alike_ros.ros.graph.steps import node_parameters, wait
from alike_ros.ros.soak.observer import Observer
from alike_ros.ros.soak.outcome import Outcome
from alike_ros.ros.soak.remote import Remote, Steps
from alike_ros.ros.soak.samples import TABLE, Sample, write_table
from alike_ros.ros.soak.strain import Strain
from alike_ros.ros.soak.usage import usage
from alike_ros.ros.soak.visits import CHECKER, Visits
from alike_ros.sources import open_source

CONFIGS = (ExtractorConfig, TrackerConfig)
SAMPLE_S = 1.0
SAVE_EVERY = 60  # samples: what is known of a run that is cut off
TICK_S = 0.01
READ_AHEAD = 30
STOP_LIMIT_S = 30.0
SENT = 'camera.json'


class SoakRun:
    """One run; its steps are methods in their order."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._output: Path = args.output
        self._duration_s = 60.0 * args.minutes
        self._samples: list[Sample] = []
        self._failure = ''

    def run(self) -> Outcome:
        """Run the graph; what fails while it is strained is part of the outcome.

        Raises:
            AlikeError: it did not even start.
        """
        self._output.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix='alike_soak_') as name:
            folder = Path(name)
            camera = self._args.input or str(record_room(folder / 'room.mcap'))
            with Children(os.environ, self._output) as children, Observer() as observer:
                return self._run_graph(children, observer, folder, camera)

    def _run_graph(
        self, children: Children, observer: Observer, folder: Path, camera: str
    ) -> Outcome:
        graph = self._begin(children, observer, folder, camera)
        strain = Strain(Remote(observer.node), self._args.period, self._own())
        visits = Visits(children, folder, self._args.stay, self._args.gap)
        observer.start(usage(graph.front_end.pid).cpu_s)
        try:
            self._endure(children, observer, graph, strain, visits)
        except KeyboardInterrupt:
            pass
        except AlikeError as error:
            self._failure = str(error)
        duration_s = observer.elapsed_s
        visits.close()
        codes = {child.name: _end(child) for child in graph.children}
        return Outcome(
            duration_s=duration_s,
            samples=self._samples,
            times_s=observer.times_s,
            latencies_s=observer.latencies_s,
            checker=json.loads(graph.report.read_text()),
            visits=visits.reports(),
            done=dict(strain.done),
            sent=json.loads((folder / SENT).read_text())['frames_sent'],
            codes=codes,
            traceback='Traceback' in (self._output / 'frontend.log').read_text(),
            failure=self._failure,
            identity=observer.identity(),
        )

    def _begin(self, children: Children, observer: Observer, folder: Path, camera: str) -> _Graph:
        """Start the processes and wait until images are answered."""
        report = folder / 'checker.json'
        node = node_parameters(folder, 'frontend', **self._own())
        front_end = children.start('frontend', 'alike_ros.ros.frontend_node', *node)
        wait(children, observer, lambda: observer.sees_front_end)
        checker = children.start('checker', CHECKER, '--report', str(report))
        wait(children, observer, lambda: observer.node.count_subscribers('frontend/tracks') > 0)
        played = camera_parameters(folder, camera)
        replay = children.start('camera', 'alike_ros.ros.replay_node', *played)
        wait(children, observer, lambda: observer.frames > 0)
        return _Graph(front_end, (replay, checker, front_end), report)

    def _endure(
        self,
        children: Children,
        observer: Observer,
        graph: _Graph,
        strain: Strain,
        visits: Visits,
    ) -> None:
        courses: list[Steps] = [strain.steps(), visits.steps()]
        due_s = SAMPLE_S
        with tqdm(total=round(self._duration_s), unit='s') as progress:
            while observer.elapsed_s < self._duration_s:
                children.check()
                observer.spin(TICK_S)
                for course in courses:
                    next(course)
                if observer.elapsed_s >= due_s:
                    due_s += SAMPLE_S
                    use = usage(graph.front_end.pid)
                    self._keep(observer.sample(use, strain.state, strain.place, visits.present))
                    progress.set_description(_line(self._samples[-1], graph.report), refresh=False)
                    progress.update(round(observer.elapsed_s) - progress.n)

    def _keep(self, sample: Sample) -> None:
        self._samples.append(sample)
        if len(self._samples) % SAVE_EVERY == 0:
            write_table(self._output / TABLE, self._samples)

    def _own(self) -> dict[str, Value]:
        return {p.name: getattr(self._args, p.name) for p in parameters(*CONFIGS)}


@dataclass(frozen=True)
class _Graph:
    """The processes of a run, in the order in which they end, and the checker's report."""

    front_end: Child
    children: tuple[Child, ...]
    report: Path


def record_room(path: Path) -> Path:
    """Write the rendered room with its calibration as a bag: drawing it takes a core."""
    source = open_source('')
    assert source.camera is not None
    with BagWriter(path) as bag:
        for frame in tqdm(source, total=len(source), unit='frame', desc='drawing the room'):
            stamp = frame.stamp_ns
            header: dict[str, Any] = {'header': (stamp, frame.frame_id)}
            info = header | camera_info_fields(source.camera)
            bag.write('/camera_info', 'sensor_msgs/msg/CameraInfo', info, stamp)
            bag.write('/image', 'sensor_msgs/msg/Image', header | image_fields(frame.image), stamp)
    return path


def camera_parameters(folder: Path, spec: str) -> list[str]:
    """Return the arguments of a replay node that plays a sequence over and over."""
    return node_parameters(
        folder,
        'replay',
        input=spec,
        loop=True,
        stamps='now',
        wait_for_subscribers=1,
        read_ahead=READ_AHEAD,
        report=str(folder / SENT),
    )


def _end(child: Child) -> int:
    child.signal(signal.SIGINT)
    return child.stop(STOP_LIMIT_S)


def _line(sample: Sample, report: Path) -> str:
    wrong = 0
    if report.exists():
        wrong = sum(json.loads(report.read_text())['violations'].values())
    return (
        f'{sample.usage.resident / 1e6:.0f} MB, {sample.processed_rate:.0f} images/s, '
        f'p99 {sample.latency_ms[1]:.0f} ms, {wrong} violations'
    )
