"""Node `replay`: any sequence of images as `image` and `camera_info`, at any speed."""

from __future__ import annotations

import sys

if __name__ == '__main__':  # before the imports that take long
    from alike_ros.ros.signals import end_on_signals

    end_on_signals()

from alike_ros.ros.process import run
from alike_ros.ros.replay.course import Replay
from alike_ros.ros.replay.publisher import ReplayNode


def main() -> int:
    """Replay until the end or a signal; 0, or 1 when the input cannot be read."""
    return run(ReplayNode, lambda node, task: Replay(node, task).run())


if __name__ == '__main__':
    sys.exit(main())
