"""Node `frontend`: images in, keypoints and tracks out. A lifecycle node that can start itself."""

from __future__ import annotations

import sys
from typing import Any

if __name__ == '__main__':  # before the imports that take long
    from alike_ros.ros.signals import end_on_signals

    end_on_signals()

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import SetBool, Trigger

from alike_ros.backends.memory import keep_freed_memory, return_freed_memory
from alike_ros.blas import limit_blas_threads
from alike_ros.config import Value, change_live
from alike_ros.errors import AlikeError
from alike_ros.frontend import Counters
from alike_ros.image_decode import quiet_decoders
from alike_ros.ros import process
from alike_ros.ros.frontend import diagnostics
from alike_ros.ros.frontend.engine import Engine
from alike_ros.ros.frontend.health import Health
from alike_ros.ros.frontend.inputs import Inputs
from alike_ros.ros.frontend.journal import Journal
from alike_ros.ros.frontend.lifecycle import refuse_impossible_transitions
from alike_ros.ros.frontend.namesakes import Namesakes
from alike_ros.ros.frontend.topics import image_topics
from alike_ros.ros.parameters import CONFIGS, LiveParameters, declare, part_for, read, read_all

SIGNAL_LATENCY_S = 0.1  # a signal is looked at so often


class FrontEndNode(LifecycleNode):
    """The shell: parameters, lifecycle, services, diagnostics. The work is in `Engine`."""

    def __init__(self, **options: Any) -> None:
        """Declare parameters and services; nothing heavy happens before configure.

        Raises:
            ConfigError: a parameter is of another type or out of range.
        """
        super().__init__('frontend', **options)
        refuse_impossible_transitions(self)
        self._engine: Engine | None = None
        self._inputs: Inputs | None = None
        self._first = Counters()  # a new configure never repeats an id
        self._failure = ''
        self._lifecycle = 'unconfigured'
        self._journal = Journal(self.get_logger())
        self._namesakes = Namesakes(self)
        declare(self, *CONFIGS)
        self.add_on_set_parameters_callback(LiveParameters(self._change).on_set)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_service(Trigger, '~/reset', self._on_reset)
        self.create_service(SetBool, '~/enable', self._on_enable)
        self.create_timer(
            self.get_parameter('diagnostics_period').value,
            self._on_diagnostics,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def autostart(self) -> bool:
        """Configure and activate when the parameter `autostart` asks for it; False: failed."""
        if not self.get_parameter('autostart').value:
            return True
        return (
            self.trigger_configure() == TransitionCallbackReturn.SUCCESS
            and self.trigger_activate() == TransitionCallbackReturn.SUCCESS
        )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            self._engine = Engine(self, self._journal, read_all(self), self._first)
        except (AlikeError, OSError) as error:
            return self._fail(str(error))
        except Exception as error:  # rclpy would hide it and finalize the node
            return self._fail(f'{type(error).__name__}: {error}')
        self._failure = ''
        self._lifecycle = 'inactive'
        self._log_identity()
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        assert self._engine is not None
        result = super().on_activate(state)
        self._engine.start()
        self._inputs = Inputs(self, self._journal, self._engine)
        self._lifecycle = 'active'
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self._lifecycle = 'inactive'
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_cleanup(state)
        self.close()
        return result

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.close()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything and wait, unconfigured, for another configure."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Stop the worker and free the device."""
        self._stop()
        if self._engine is not None:
            self._first = self._engine.successor
            self._engine.close()
            self._engine = None
            return_freed_memory()
        self._lifecycle = 'unconfigured'

    def _stop(self) -> None:
        if self._inputs is not None:
            self._inputs.close()
            self._inputs = None
        if self._engine is not None:
            self._engine.stop()

    def _fail(self, sentence: str) -> TransitionCallbackReturn:
        self._failure = sentence
        self.get_logger().fatal(sentence)
        return TransitionCallbackReturn.FAILURE

    def _log_identity(self) -> None:
        assert self._engine is not None
        identity = self._engine.identity
        self.get_logger().info(f'{identity.backend} on {identity.device}, {identity.weights}')

    def _change(self, values: dict[str, Value]) -> None:
        """Refuse with ConfigError, or hand live parameters on."""
        for config in CONFIGS:
            change_live(read(self, config), part_for(config, values))
        if self._engine is not None:
            self._engine.configure(values)

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._engine is not None
        response.message = 'the tracks are forgotten' if self._engine else 'not configured'
        if self._engine is not None:
            self._engine.reset()
        return response

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success = self._engine is not None
        response.message = 'not configured'
        if self._engine is not None:
            self._engine.enabled = request.data
            response.message = 'enabled' if request.data else 'disabled'
        return response

    def _on_diagnostics(self) -> None:
        engine = self._engine
        health = engine.health if engine else Health()
        self._diagnostics.publish(
            diagnostics.message(
                self.get_fully_qualified_name(),
                self.get_clock().now().to_msg(),
                self._condition(),
                engine.identity if engine else None,
                health.counts(),
                health.recent(),
                engine.waiting if engine else 0,
            )
        )

    def _condition(self) -> diagnostics.Condition:
        namesake = self._namesakes.sentence()
        if self._engine is None:
            return diagnostics.Condition(self._lifecycle, self._failure, namesake=namesake)
        topic = self.resolve_topic_name(image_topics(self._engine.config)[0].name)
        return diagnostics.Condition(
            self._lifecycle,
            self._failure,
            self._engine.enabled,
            topic,
            self._inputs.wrong_type() if self._inputs else '',
            self.count_publishers(topic),
            namesake,
            self._inputs.too_large() if self._inputs else '',
            self._engine.troubles,
        )


def main() -> int:
    """Run the node until it is asked to end; 0 when it was, 1 when it could not start."""
    limit_blas_threads()
    keep_freed_memory()
    quiet_decoders()
    return process.run(FrontEndNode, _work)


def _work(node: FrontEndNode, task: process.Task) -> None:
    try:
        if not node.autostart():
            sys.exit(1)
        while not task.stopped:
            task.spin(SIGNAL_LATENCY_S)
    finally:
        node.close()


if __name__ == '__main__':
    sys.exit(main())
