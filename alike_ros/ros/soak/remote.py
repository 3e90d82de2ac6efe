"""A front end's services, called step by step while the caller goes on listening."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from alike_ros.config import Value
from alike_ros.errors import AlikeError

Steps = Generator[None, None, Any]  # each `next` goes on, if it can; its return is the result

ANSWER_LIMIT_S = 60.0
GREETING_S = 1.0
TRANSITIONS = {
    'configure': Transition.TRANSITION_CONFIGURE,
    'activate': Transition.TRANSITION_ACTIVATE,
    'deactivate': Transition.TRANSITION_DEACTIVATE,
    'cleanup': Transition.TRANSITION_CLEANUP,
    'shutdown': Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
}


class Remote:
    """Every call is a generator: it yields until the answer is there.

    What is refused or does not answer raises AlikeError.
    """

    def __init__(self, node: Node, name: str = 'frontend') -> None:
        self._clients = {
            service: node.create_client(kind, f'{name}/{service}')
            for service, kind in (
                ('get_state', GetState),
                ('change_state', ChangeState),
                ('set_parameters', SetParameters),
                ('reset', Trigger),
                ('enable', SetBool),
            )
        }

    def greet(self) -> Steps:
        """Ask until it answers: the first answer to a new client may get lost (rmw_fastrtps)."""
        until_s = time.monotonic() + ANSWER_LIMIT_S
        while time.monotonic() < until_s:
            if (yield from self._ask('get_state', GetState.Request(), GREETING_S)) is not None:
                return
        raise AlikeError(f'the front end does not answer get_state in {ANSWER_LIMIT_S:.0f} s')

    def transition(self, label: str) -> Steps:
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[label]))
        if not (yield from self._call('change_state', request)).success:
            raise AlikeError(f'the front end refused to {label}; see its log')

    def set(self, values: dict[str, Value]) -> Steps:
        """Change live parameters."""
        request = SetParameters.Request()
        request.parameters = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        for result in (yield from self._call('set_parameters', request)).results:
            if not result.successful:
                raise AlikeError(f'the front end refused {values}: {result.reason}')

    def reset(self) -> Steps:
        yield from self._wanted('reset', Trigger.Request())

    def enable(self, on: bool) -> Steps:
        yield from self._wanted('enable', SetBool.Request(data=on))

    def _wanted(self, service: str, request: Any) -> Steps:
        response = yield from self._call(service, request)
        if not response.success:
            raise AlikeError(f'the front end refused {service}: {response.message}')

    def _call(self, service: str, request: Any) -> Steps:
        response = yield from self._ask(service, request, ANSWER_LIMIT_S)
        if response is None:
            raise AlikeError(
                f'the service {service} of the front end gave no answer in {ANSWER_LIMIT_S:.0f} s'
            )
        return response

    def _ask(self, service: str, request: Any, limit_s: float) -> Steps:
        client = self._clients[service]
        until_s = time.monotonic() + limit_s
        while not client.service_is_ready():
            if time.monotonic() > until_s:
                return None
            yield
        future = client.call_async(request)
        while not future.done():
            if time.monotonic() > until_s:
                client.remove_pending_request(future)
                return None
            yield
        return future.result()


def pause(seconds: float) -> Steps:
    """Yield for so long."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        yield
