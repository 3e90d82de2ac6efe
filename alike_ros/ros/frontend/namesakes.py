"""Other nodes of the same name: two front ends whose tracks come on the same topics."""

from __future__ import annotations

from rclpy.node import Node


class Namesakes:
    """Looks for nodes that bear this node's full name, and logs when another one comes."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._count = 0

    def sentence(self) -> str:
        """Say what is wrong while there is another, and the remedy; else ''.

        A node that was killed is in the graph until its lease ends.
        """
        node = self._node
        own = (node.get_name(), node.get_namespace())
        before, self._count = self._count, node.get_node_names_and_namespaces().count(own) - 1
        if self._count < 1:
            return ''
        sentence = (
            f'another node is named {node.get_fully_qualified_name()} and publishes on the same '
            'topics, where the ids of two trackers get mixed up: end one of them, or start it '
            'with another name or namespace (-r __node:=… or -r __ns:=/…); if it was killed, '
            'this ends within 20 s'
        )
        if self._count > before:
            node.get_logger().warning(f'{sentence[0].upper()}{sentence[1:]}.')
        return sentence
