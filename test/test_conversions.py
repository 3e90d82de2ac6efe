import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from alike_ros.msg import Keypoints, Tracks  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from alike_ros.ros import conversions  # noqa: E402

POINT = np.dtype([('x', '<f4'), ('id', '<u4'), ('score', '<f4')])


def header():
    result = Header(frame_id='camera_optical')
    result.stamp.sec, result.stamp.nanosec = 12, 345
    return result


def test_arrays_keep_type_and_values():
    record = {
        'id': np.array([1, 2**63], np.uint64),
        'camera_id': np.array([0, 255], np.uint8),
        'age': np.array([1, 2**32 - 1], np.uint32),
        'keypoint_index': np.array([-1, 7], np.int32),
        'u': np.array([0.5, np.nan], np.float32),
    }
    message = conversions.message_from_record(Tracks, record, header())
    for name, values in record.items():
        np.testing.assert_array_equal(np.frombuffer(getattr(message, name), values.dtype), values)
    assert [message.u.typecode, message.id.typecode] == ['f', 'Q']


def test_empty_and_strided_arrays_are_taken():
    record = {'u': np.zeros(0, np.float32), 'v': np.arange(6, dtype=np.float32)[::2]}
    message = conversions.message_from_record(Keypoints, record, header())
    assert len(message.u) == 0 and list(message.v) == [0, 2, 4]


def test_scalars_become_plain_and_the_header_is_shared():
    shared = header()
    record = {'frame_seq': np.uint64(7), 'epoch': 2, 'dt': np.float64(0.5)}
    message = conversions.message_from_record(Tracks, record, shared)
    assert (message.frame_seq, message.epoch, message.dt) == (7, 2, 0.5)
    assert message.header is shared and conversions.stamp_ns(shared) == 12 * 10**9 + 345


def test_rgb_image_message_has_every_pixel():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    message = conversions.image_message(image, header())
    assert (message.height, message.width, message.step, message.encoding) == (2, 4, 12, 'rgb8')
    assert bytes(message.data) == image.tobytes()


@pytest.mark.parametrize('maker', ['numpy', 'sensor_msgs_py'])
@pytest.mark.parametrize('count', [0, 3])
def test_cloud_has_a_field_a_name_whoever_makes_it(monkeypatch, maker, count):
    module = None
    if maker == 'sensor_msgs_py':
        module = pytest.importorskip('sensor_msgs_py.point_cloud2')
    monkeypatch.setattr(conversions, 'point_cloud2', module)
    points = np.zeros(count, POINT)
    points['x'], points['id'] = np.arange(count), 7
    message = conversions.cloud_message(points, header())
    assert [(f.name, f.offset, f.datatype) for f in message.fields] == [
        ('x', 0, 7),
        ('id', 4, 6),
        ('score', 8, 7),
    ]
    assert (message.height, message.width) == (1, count)
    assert (message.point_step, message.row_step) == (12, 12 * count)
    assert not message.is_bigendian and message.header.frame_id == 'camera_optical'
    np.testing.assert_array_equal(np.frombuffer(message.data, POINT), points)
