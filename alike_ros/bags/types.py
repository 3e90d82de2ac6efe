"""Message types without ROS: those of Jazzy and our own; messages made from plain fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from alike_ros.errors import DatasetError
from alike_ros.resources import share_dir

_NUMPY_NAMES = {'octet': 'uint8', 'byte': 'uint8', 'char': 'uint8'}
_TIME, _HEADER = 'builtin_interfaces/msg/Time', 'std_msgs/msg/Header'


@cache
def typestore() -> Typestore:
    """Types of ROS 2's common packages and of alike_ros/msg."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for path in sorted((share_dir() / 'msg').glob('*.msg')):
        store.register(get_types_from_msg(path.read_text(), f'alike_ros/msg/{path.stem}'))
    return store


def definition(type_name: str) -> str:
    """Return the type's definition and, below it, those of all types that it contains.

    Raises:
        DatasetError: no such type is known.
    """
    if type_name not in typestore().fielddefs:
        raise DatasetError(
            f'no definition of message type {type_name!r}; expected one of the common packages of '
            f'ROS 2 or of alike_ros, written as sensor_msgs/msg/Image'
        )
    return typestore().generate_msgdef(type_name, ros_version=2)[0]


def serialise(type_name: str, fields: Mapping[str, Any]) -> bytes:
    """Return the CDR bytes of a message with these fields; absent ones are zero or empty.

    A header may be (stamp_ns, frame_id), a time an int in nanoseconds, a nested message a dict.

    Raises:
        DatasetError: no such type is known, or it has no field of a name given.
    """
    definition(type_name)
    return bytes(typestore().serialize_cdr(_message(type_name, fields), type_name))


def _message(type_name: str, given: Any) -> Any:
    if type_name == _HEADER and isinstance(given, tuple):
        given = {'stamp': given[0], 'frame_id': given[1]}
    if type_name == _TIME and isinstance(given, (int, np.integer)):
        given = {'sec': int(given) // 10**9, 'nanosec': int(given) % 10**9}
    descriptions = dict(typestore().fielddefs[type_name][1])
    if unknown := given.keys() - descriptions.keys():
        raise DatasetError(f'{type_name} has no field {sorted(unknown)}; it has {[*descriptions]}')
    values = {name: _value(node, given.get(name)) for name, node in descriptions.items()}
    return typestore().types[type_name](**values)


def _value(node: Any, given: Any) -> Any:
    """Bring a given value into the form that serialising takes; None is the default value."""
    kind, inner = node
    if kind == Nodetype.BASE:
        return _plain(inner[0], given)
    if kind == Nodetype.NAME:
        return _message(inner, {} if given is None else given)
    element, count = inner
    values = [None] * (count if kind == Nodetype.ARRAY else 0) if given is None else given
    is_number = element[0] == Nodetype.BASE and element[1][0] != 'string'
    if is_number:
        name = _NUMPY_NAMES.get(element[1][0], element[1][0])
        numbers = np.zeros(len(values)) if given is None else values
        return np.ascontiguousarray(numbers, name).reshape(-1)
    return [_value(element, value) for value in values]


def _plain(name: str, given: Any) -> Any:
    if name == 'string':
        return '' if given is None else str(given)
    if name == 'bool':
        return bool(given)
    if name.startswith('float'):
        return 0.0 if given is None else float(given)
    return 0 if given is None else int(given)
