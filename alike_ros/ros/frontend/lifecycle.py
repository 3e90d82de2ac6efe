"""A repair of rclpy's lifecycle nodes."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Answer a transition that the state does not allow with `success: false`.

    rclpy raises an error in the service's callback instead, which ends the executor and with it
    the node (seen on Jazzy 7.1).
    """
    service: Any = getattr(node, '_service_change_state', None)
    if service is None:
        return
    change_state = service.callback

    def guarded(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except Exception as error:  # RCLError, which rclpy does not export
            node.get_logger().error(f'Transition refused: {" ".join(str(error).split())}')
            response.success = False
            return response

    service.callback = guarded
