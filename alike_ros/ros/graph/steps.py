"""Steps that runs of a graph of nodes share."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from alike_ros.errors import AlikeError
from alike_ros.ros.graph.children import Child, Children
from alike_ros.ros.graph.monitor import Monitor

START_LIMIT_S = 180.0  # a first start may read the network from a slow disk
STALL_LIMIT_S = 60.0


def wait(children: Children, monitor: Monitor, done: Callable[[], bool]) -> None:
    """Show progress until it is done; AlikeError when a process fails or nothing moves."""
    while not done():
        children.check()
        monitor.spin(0.1)
        limit_s = STALL_LIMIT_S if monitor.frames else START_LIMIT_S
        if monitor.silent_s > limit_s:
            raise AlikeError(f'no status from the front end for {limit_s:.0f} s; giving up')


def follow(children: Children, monitor: Monitor, replay: Child) -> None:
    """Wait for the end of the replay; Ctrl-C ends it early, and what came is reported."""
    try:
        wait(children, monitor, lambda: replay.code is not None)
    except KeyboardInterrupt:
        replay.signal(signal.SIGINT)
        replay.wait(30.0)
    children.check()


def end(child: Child) -> None:
    """Ask a node to end; AlikeError when it does not end well."""
    if child.stop() != 0:
        raise AlikeError(child.failure())


def node_parameters(folder: Path, node: str, **values: Any) -> list[str]:
    """Return the arguments that give a node these parameters, by a file: types stay."""
    path = folder / f'{node}.yaml'
    path.write_text(yaml.safe_dump({node: {'ros__parameters': values}}))
    return ['--ros-args', '--params-file', str(path)]
