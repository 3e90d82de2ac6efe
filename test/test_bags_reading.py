"""Bags of every kind are read."""

import logging

import numpy as np
import pytest
from bag_content import (
    CAMERA,
    IMAGE,
    INFO,
    assert_is_pictures,
    fields,
    picture,
    stamp,
    ten_frames,
    write_frames,
)
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from alike_ros.bags import Bag, BagSource, BagWriter
from alike_ros.bags.types import definition, serialise, typestore
from alike_ros.camera import camera_info_fields
from alike_ros.errors import DatasetError
from alike_ros.image_message import image_fields


@pytest.fixture
def mcap(tmp_path):
    return ten_frames(tmp_path)


def test_a_written_bag_comes_back_with_images_stamps_and_camera(mcap):
    source = BagSource(mcap)
    assert len(source) == 10
    assert_is_pictures(list(source), 10)
    np.testing.assert_array_equal(source.camera.matrix, CAMERA.matrix)
    assert source.camera.distortion == CAMERA.distortion
    assert_is_pictures(list(source), 10)  # a second time


def test_a_folder_with_metadata_comes_back_and_replaces_its_older_self(tmp_path):
    for count in (3, 5):
        with BagWriter(tmp_path / 'drive') as writer:
            write_frames(writer, count)
    assert (tmp_path / 'drive' / 'metadata.yaml').is_file()
    assert_is_pictures(list(BagSource(tmp_path / 'drive')), 5)


def test_a_folder_whose_recorder_was_killed_has_no_metadata_and_still_opens(tmp_path):
    with BagWriter(tmp_path / 'drive') as writer:
        write_frames(writer, 5)
    (tmp_path / 'drive' / 'metadata.yaml').unlink()
    assert_is_pictures(list(BagSource(tmp_path / 'drive')), 5)


@pytest.mark.parametrize('alone', [False, True], ids=['folder', 'file'])
@pytest.mark.parametrize('storage', [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_bags_of_rosbag2_are_read_as_folder_and_as_bare_file(tmp_path, storage, alone):
    with Writer2(tmp_path / 'bag', version=9, storage_plugin=storage) as writer:
        connection = writer.add_connection('/left/image_raw', IMAGE, typestore=typestore())
        for index in range(4):
            writer.write(connection, stamp(index), serialise(IMAGE, fields(index)))
    path = tmp_path / 'bag'
    if alone:
        (path,) = (file for file in path.iterdir() if file.suffix in ('.db3', '.mcap'))
    assert_is_pictures(list(BagSource(path)), 4)


def test_ros_1_bags_are_read(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(tmp_path / 'old.bag') as writer:
        connection = writer.add_connection('/left/image_raw', IMAGE, typestore=store)
        for index in range(3):
            stamped = store.types['builtin_interfaces/msg/Time'](
                stamp(index) // 10**9, stamp(index) % 10**9
            )
            header = store.types['std_msgs/msg/Header'](index, stamped, 'left')
            message = store.types[IMAGE](header=header, **image_fields(picture(index)))
            writer.write(connection, stamp(index), store.serialize_ros1(message, IMAGE))
    assert_is_pictures(list(BagSource(tmp_path / 'old.bag')), 3)


@pytest.mark.parametrize('compression', CompressionType)
@pytest.mark.parametrize('finished', [True, False])
def test_chunks_of_every_compression_are_read(tmp_path, compression, finished):
    path = tmp_path / 'chunks.mcap'
    with path.open('wb') as file:
        writer = McapWriter(file, compression=compression)
        writer.start('ros2', 'test')
        schema = writer.register_schema(IMAGE, 'ros2msg', definition(IMAGE).encode())
        channel = writer.register_channel('/left/image_raw', 'cdr', schema)
        for index in range(4):
            data = serialise(IMAGE, fields(index))
            writer.add_message(channel, stamp(index), data, stamp(index))
        writer.finish() if finished else writer.flush()
    assert_is_pictures(list(BagSource(path)), 4)


def test_a_stamp_of_zero_is_replaced_by_the_log_time(tmp_path):
    with BagWriter(tmp_path / 'unstamped.mcap') as writer:
        writer.write('/image', IMAGE, fields(0, header=(0, '')), 77)
    (frame,) = BagSource(tmp_path / 'unstamped.mcap')
    assert (frame.stamp_ns, frame.frame_id) == (77, 'camera')


def test_unreadable_images_are_counted_and_left_out(tmp_path, caplog):
    with BagWriter(tmp_path / 'bad.mcap') as writer:
        writer.write('/image', IMAGE, fields(0), stamp(0))
        writer.write('/image', IMAGE, fields(1, encoding='mono9'), stamp(1))
        writer.write_raw('/image', IMAGE, serialise(IMAGE, fields(2))[:40], stamp(2))
        writer.write('/image', IMAGE, fields(3), stamp(3))
    source = BagSource(tmp_path / 'bad.mcap')
    with caplog.at_level(logging.WARNING):
        frames = list(source)
    assert [frame.stamp_ns for frame in frames] == [stamp(0), stamp(3)]
    assert source.skipped == 2
    assert "unknown encoding 'mono9'" in caplog.text
    assert '2 images left out' in caplog.text


def test_depth_is_not_the_first_choice_and_a_topic_can_be_named(tmp_path):
    with BagWriter(tmp_path / 'two.mcap') as writer:
        writer.write('/depth/image', IMAGE, fields(0), stamp(0))
        writer.write('/colour/image', IMAGE, fields(1), stamp(1))
    assert BagSource(tmp_path / 'two.mcap').topic.name == '/colour/image'
    assert BagSource(tmp_path / 'two.mcap', 'depth/image').topic.name == '/depth/image'


def test_a_calibration_that_is_nonsense_is_told_and_left_out(tmp_path, caplog):
    with BagWriter(tmp_path / 'odd.mcap') as writer:
        writer.write('/image', IMAGE, fields(0), stamp(0))
        info = {**camera_info_fields(CAMERA), 'distortion_model': 'thin_air'}
        writer.write('/camera_info', INFO, info, stamp(0))
    assert BagSource(tmp_path / 'odd.mcap').camera is None
    assert "unknown distortion model 'thin_air'" in caplog.text


def test_a_rectified_topic_uses_the_projection_without_distortion(tmp_path):
    with BagWriter(tmp_path / 'rect.mcap') as writer:
        writer.write('/left/image_rect', IMAGE, fields(0), stamp(0))
        writer.write('/left/camera_info', INFO, camera_info_fields(CAMERA), stamp(0))
    assert BagSource(tmp_path / 'rect.mcap').camera.distortion == ()


def test_a_bag_without_images_lists_what_it_has(tmp_path):
    with BagWriter(tmp_path / 'clock.mcap') as writer:
        writer.write('/clock', 'rosgraph_msgs/msg/Clock', {'clock': 5}, 5)
    with pytest.raises(DatasetError, match=r'no images; it has /clock \(rosgraph_msgs/msg/Clock'):
        BagSource(tmp_path / 'clock.mcap')


@pytest.mark.parametrize('topic', ['/left/camera_info', '/not_there'])
def test_a_topic_of_another_type_or_name_lists_the_topics(mcap, topic):
    with pytest.raises(DatasetError, match=f"no images on '{topic}'; it has .*/left/image_raw"):
        BagSource(mcap, topic)


@pytest.mark.parametrize('suffix', ['.bag', '.mcap', '.db3'])
@pytest.mark.parametrize('content', [b'', b'no bag at all' * 50], ids=['empty', 'text'])
def test_a_file_that_is_no_bag_says_so(tmp_path, suffix, content):
    path = tmp_path / f'broken{suffix}'
    path.write_bytes(content)
    with pytest.raises(
        DatasetError, match=f'broken{suffix} (cannot be read as a bag|has no imag)'
    ):
        BagSource(path)


def test_damaged_metadata_is_an_error_that_names_the_bag(tmp_path):
    (tmp_path / 'drive').mkdir()
    (tmp_path / 'drive' / 'metadata.yaml').write_text('{')
    with pytest.raises(DatasetError, match='drive cannot be read'):
        BagSource(tmp_path / 'drive')


def test_a_bag_damaged_in_the_middle_gives_what_comes_before_and_an_error(tmp_path):
    path = tmp_path / 'bent.mcap'
    with BagWriter(path) as writer:
        write_frames(writer, 40)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    frames = []
    with pytest.raises(DatasetError, match='bent.mcap is damaged after'):
        frames.extend(BagSource(path))


def test_a_cut_off_ros_1_bag_names_the_remedy(tmp_path, data):
    content = (data / 'bags' / 'ctu_raw.bag').read_bytes()
    (tmp_path / 'cut.bag').write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match='rosbag reindex'):
        BagSource(tmp_path / 'cut.bag')


REAL = {
    ('ctu_raw.bag', '/spot/camera/frontleft/image'): ((480, 640), 1648052479289076180),
    ('ctu_raw.bag', '/spot/camera/hand_color/image'): ((480, 640, 3), 1648052479616566426),
    ('ctu_raw.bag', '/spot/depth/frontleft/image'): ((240, 424), 1648052478022095060),
    ('fiducials_aruco_images.bag', ''): ((960, 1280, 3), 1491682360314066469),
}


@pytest.mark.parametrize(('name', 'topic'), REAL)
def test_real_bags_are_read(data, name, topic):
    (frame,) = BagSource(data / 'bags' / name, topic)
    assert (frame.image.shape, frame.stamp_ns) == REAL[name, topic]
    assert frame.image.std() > 1


def test_the_camera_beside_compressed_images_of_a_real_bag_is_found(data):
    camera = BagSource(data / 'bags' / 'fiducials_aruco_images.bag').camera
    assert camera.image_size == (1280, 960)
    np.testing.assert_allclose(camera.matrix[0, 0], 1014.343, atol=1e-3)


def test_messages_come_in_order_of_time_from_all_topics(mcap):
    with Bag(mcap) as bag:
        entries = [(topic, time_ns) for topic, time_ns, _ in bag.messages()]
    assert [time_ns for _, time_ns in entries] == sorted(time_ns for _, time_ns in entries)
    assert len(entries) == 20
