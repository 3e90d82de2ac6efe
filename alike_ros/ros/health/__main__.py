"""`ros2 run alike_ros health`: say in sentences what is wrong with the front ends that run.

Exit code 0: all is well; 1: something is wrong; 2: no front end was found.
"""

from __future__ import annotations

import argparse
import sys
import time

if __name__ == '__main__':  # before the imports that take long
    from alike_ros.ros.signals import end_on_signals

    end_on_signals(130)  # not 0, which says that all is well

from rclpy.utilities import remove_ros_args

from alike_ros.ros.health.findings import findings
from alike_ros.ros.health.listener import HealthNode
from alike_ros.ros.process import Task, run

WELL, WRONG, NOBODY = 0, 1, 2
PERIOD_S = 0.1


def main() -> int:
    """Look, listen, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog='health', description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--duration', type=float, default=4.0, help='s to listen (default: %(default)s)'
    )
    args = parser.parse_args(remove_ros_args(sys.argv)[1:])
    codes: list[int] = []

    def work(node: HealthNode, task: Task) -> None:
        end_s = time.monotonic() + args.duration
        while (now_s := time.monotonic()) < end_s and not task.stopped:
            node.listen()
            while (left_s := now_s + PERIOD_S - time.monotonic()) > 0:
                task.spin(left_s)
        codes.append(tell(node))

    return run(HealthNode, work) or codes[0]


def tell(node: HealthNode) -> int:
    """Print a line for each front end that is well, or one for each thing that is not."""
    names = node.names()
    if not names:
        print(
            'No front end was found: start one (ros2 launch alike_ros alike.launch.py), and use '
            'its ROS_DOMAIN_ID and network here.'
        )
        return NOBODY
    code = WELL
    for name, namespace in names:
        seen = node.seen(name, namespace)
        wrong = findings(seen)
        for sentence in wrong:
            print(f'{seen.name}: {sentence}')
            code = WRONG
        if not wrong:
            assert seen.diagnostics is not None
            print(f'{seen.name}: all is well: {seen.diagnostics[1]}.')
    return code


if __name__ == '__main__':
    sys.exit(main())
