"""One run of replay, front end and recorder as processes of their own, and what came of it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alike_ros.config import ExtractorConfig, NodeConfig, TrackerConfig, parameters
from alike_ros.errors import AlikeError
from alike_ros.evaluation.recording import Recording
from alike_ros.evaluation.summary import hardware
from alike_ros.ros.graph.children import Children
from alike_ros.ros.graph.monitor import Monitor
from alike_ros.ros.graph.steps import end, follow, node_parameters, wait
from alike_ros.sources import Source

TOPICS = ['image', 'camera_info', 'frontend/keypoints', 'frontend/tracks', 'frontend/status']
CONFIGS = (ExtractorConfig, TrackerConfig, NodeConfig)


class DemoRun:
    """One run; its steps are methods in their order."""

    def __init__(self, args: argparse.Namespace, source: Source | None) -> None:
        """Without a source the input is live, and only the replay node opens it."""
        self._args = args
        self._source = source
        self._output: Path = args.output
        self._frames = _frames_to_come(args, source)

    def run(self) -> dict[str, Any]:
        """Run the graph and return the summary of its recording.

        Raises:
            AlikeError: a process failed, with its own last lines, or nothing came.
        """
        self._output.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix='alike_demo_') as folder:
            report_path = Path(folder, 'replay.json')
            with Children(os.environ) as children, Monitor() as monitor:
                self._run_graph(children, monitor, Path(folder), report_path)
                identity = monitor.identity()
            sent = json.loads(report_path.read_text())
        return self._evaluate(sent, identity)

    def _run_graph(
        self, children: Children, monitor: Monitor, folder: Path, report_path: Path
    ) -> None:
        recorder = children.start(
            'recorder',
            'alike_ros.ros.recorder_node',
            *node_parameters(
                folder, 'recorder', output=str(self._output / 'tracks.mcap'), topics=TOPICS
            ),
        )
        given = vars(self._args)
        values = {p.name: given[p.name] for p in parameters(*CONFIGS) if p.name in given}
        front_end = children.start(
            'frontend',
            'alike_ros.ros.frontend_node',
            *node_parameters(folder, 'frontend', **values),
        )
        monitor.begin(self._frames)
        wait(children, monitor, lambda: monitor.sees_front_end)
        replay = children.start(
            'replay', 'alike_ros.ros.replay_node', *self._replay_parameters(folder, report_path)
        )
        follow(children, monitor, replay)
        monitor.settle(json.loads(report_path.read_text())['frames_sent'])
        end(front_end)
        end(recorder)

    def _replay_parameters(self, folder: Path, report_path: Path) -> list[str]:
        return node_parameters(
            folder,
            'replay',
            input=self._args.input,
            topic=self._args.topic,
            rate=self._args.rate,
            duration=self._args.duration,
            stamps='now',
            wait_for_subscribers=2,
            read_ahead=max(30, min(self._frames, 300)),
            report=str(report_path),
        )

    def _evaluate(self, sent: dict[str, Any], identity: dict[str, str]) -> dict[str, Any]:
        print('drawing the tracks …', file=sys.stderr)
        recording = Recording(self._output / 'tracks.mcap')
        if not recording.statuses:
            raise AlikeError('the front end answered no image: see the log of the nodes')
        last = max(recording.statuses, key=lambda status: status.frames_processed)
        summary = {
            'source': sent['source'],
            'sent': sent['frames_sent'],
            'received': int(last.frames_received),
            'processed': int(last.frames_processed),
            'dropped': int(last.frames_dropped),
            'late': sent['frames_late'],
            'rate': sent['rate'],
            'drop_policy': self._args.drop_policy,
            **recording.summary(with_latency=sent['rate'] == 1.0).fields(),
            **(recording.errors(self._source, sent['stamp_offset_ns']) if self._source else {}),
            'hardware': hardware(identity['device']),
            **identity,
        }
        title = f'{sent["source"]}: tracks of {identity["model"]}'
        subtitle = (
            f'{summary["processed"]} frames, {summary["keypoints_per_frame"]:.0f} keypoints and '
            f'{summary["tracks_per_frame"]:.0f} tracks a frame, on {identity["device"]}'
        )
        pictures = self._output / 'tracks.mp4', self._output / 'tracks.png'
        recording.write_pictures(*pictures, title, subtitle)
        (self._output / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
        return summary


def _frames_to_come(args: argparse.Namespace, source: Source | None) -> int:
    """Return how many frames will be sent; 0 when it is not known."""
    return len(source) if source is not None and not args.duration else 0
