"""A node that works through something and ends by itself: start, signals, exit code."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation as rcl
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from alike_ros.errors import AlikeError
from alike_ros.ros.log_files import log_arguments


class Task:
    """Spins one node on the calling thread, between the steps of a job."""

    def __init__(self, node: Node, stop: threading.Event) -> None:
        self.node = node
        self._stop = stop
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)

    @property
    def stopped(self) -> bool:
        """Whether SIGINT or SIGTERM came."""
        return self._stop.is_set()

    def spin(self, timeout_s: float) -> None:
        """Handle one callback, or wait for one as long as that."""
        self._executor.spin_once(timeout_sec=max(0.0, timeout_s))

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()


def run(make_node: Callable[[], Node], work: Callable[[Any, Task], None]) -> int:
    """Make a node, do its work, and return the exit code of the process.

    A signal does not tear the context down: the work sees it as `task.stopped` and ends in
    order. Errors that a user can mend are one sentence at fatal and exit code 1.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    logger = rclpy.logging.get_logger('alike_ros')
    task = None
    try:
        without_files, warning = log_arguments()
        rclpy.init(
            args=[*sys.argv, *without_files], signal_handler_options=SignalHandlerOptions.NO
        )
        if warning:
            logger.warning(warning)
        node = make_node()
        logger = node.get_logger()
        task = Task(node, stop)
        work(node, task)
        return 0
    except (AlikeError, OSError, rcl.RCLError, rcl.UnknownROSArgsError) as error:
        logger.fatal(' '.join(str(error).split()))
        return 1
    except ExternalShutdownException:
        return 0
    finally:
        if task is not None:
            task.close()
        rclpy.try_shutdown()
