"""Records of numpy arrays to ROS messages, without a Python object for each value."""

from __future__ import annotations

import array
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, PointCloud2, PointField

from alike_ros.structures import ImageArray

try:
    from sensor_msgs_py import point_cloud2
except ImportError:
    point_cloud2 = None

Message = TypeVar('Message')

_TYPE_CODES = {'f4': 'f', 'f8': 'd', 'u1': 'B', 'i4': 'i', 'u4': 'I', 'u8': 'Q', 'i8': 'q'}

_POINT_FIELD_TYPES = {'f4': PointField.FLOAT32, 'u4': PointField.UINT32}


def message_from_record(
    message_type: type[Message], record: Mapping[str, Any], header: Any
) -> Message:
    """Return a message whose fields are a record's entries, its header the one given.

    The header is shared, not copied: give one that nobody changes.
    """
    message: Any = message_type()
    message.header = header
    for name, value in record.items():
        setattr(message, name, _field(value))
    return message


def image_message(image: ImageArray, header: Any) -> Image:
    """Return an RGB image as sensor_msgs/Image, rgb8."""
    height, width = image.shape[:2]
    message = Image(header=header, height=height, width=width, encoding='rgb8', step=3 * width)
    message.data = typed_array(image)
    return message


def cloud_message(points: NDArray[np.void], header: Any) -> PointCloud2:
    """Return a structured array as PointCloud2, a field a name; by sensor_msgs_py if present."""
    fields = cloud_fields(points.dtype)
    if point_cloud2 is not None:
        return point_cloud2.create_cloud(header, fields, points)
    message = PointCloud2(header=header, fields=fields, height=1, width=len(points))
    message.point_step = points.dtype.itemsize
    message.row_step = points.nbytes
    message.is_dense = True
    message.data = typed_array(points.view(np.uint8))
    return message


def cloud_fields(dtype: np.dtype[Any]) -> list[PointField]:
    """Return the description of a structured dtype's fields."""
    assert dtype.fields is not None
    return [
        PointField(name=name, offset=offset, datatype=_POINT_FIELD_TYPES[kind.str[1:]], count=1)
        for name, (kind, offset, *_) in dtype.fields.items()
    ]


def typed_array(values: NDArray[Any]) -> array.array[Any]:
    """Return the values, flattened, as the one container that rclpy copies in one piece."""
    result = array.array(_TYPE_CODES[values.dtype.str[1:]])
    result.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return result


def _field(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return typed_array(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return array.array('B', bytes(value))
    return value.item() if isinstance(value, np.generic) else value


def stamp_ns(header: Any) -> int:
    """Return the time of a std_msgs/Header in nanoseconds."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)
