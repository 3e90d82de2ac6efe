"""Bags of every kind are read; what is written opens elsewhere, also when cut off."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.highlevel import AnyReader
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from alike_ros.bags import Bag, BagSource, BagWriter
from alike_ros.bags.types import definition, serialise, typestore
from alike_ros.camera import Camera, camera_info_fields
from alike_ros.errors import DatasetError
from alike_ros.image_message import image_fields

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
INFO, TRACKS = 'sensor_msgs/msg/CameraInfo', 'alike_ros/msg/Tracks'
CAMERA = Camera(np.array([[300.0, 0, 16], [0, 310, 12], [0, 0, 1]]), (0.1, 0, 0, 0, 0))
START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000


def picture(index):
    """Make a (24, 32) uint8 image that no other index has."""
    return np.random.default_rng(index).integers(0, 255, (24, 32), np.uint8)


def stamp(index):
    return START_NS + index * STEP_NS


def fields(index, **changes):
    return {'header': (stamp(index), 'left'), **image_fields(picture(index)), **changes}


def write_frames(writer, count, start=0):
    for index in range(start, start + count):
        info = {'header': (stamp(index), 'left'), **camera_info_fields(CAMERA)}
        writer.write('/left/camera_info', INFO, info, stamp(index))
        writer.write('/left/image_raw', IMAGE, fields(index), stamp(index))


@pytest.fixture
def mcap(tmp_path):
    path = tmp_path / 'ten.mcap'
    with BagWriter(path) as writer:
        write_frames(writer, 10)
    return path


def assert_is_pictures(frames, count):
    assert [frame.stamp_ns for frame in frames] == [stamp(index) for index in range(count)]
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, picture(index))
        assert frame.frame_id == 'left'


# Reading


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


# Writing


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ('a.mcap', 'b.mcap'):
        with BagWriter(tmp_path / name) as writer:
            write_frames(writer, 12)
    assert (tmp_path / 'a.mcap').read_bytes() == (tmp_path / 'b.mcap').read_bytes()


@pytest.mark.parametrize('path', ['tracks.mcap', 'tracks'])
def test_rosbags_reads_every_type_that_is_written(tmp_path, path):
    with BagWriter(tmp_path / path) as writer:
        write_frames(writer, 2)
        tracks = {'header': (5, 'left'), 'id': np.array([2**40, 7], np.uint64), 'u': [1.5, 2.5]}
        writer.write('/tracks', TRACKS, tracks, stamp(2))
    with AnyReader([tmp_path / path]) as reader:
        assert {c.topic: c.msgtype for c in reader.connections} == {
            '/left/camera_info': INFO,
            '/left/image_raw': IMAGE,
            '/tracks': TRACKS,
        }
        assert [c.msgcount for c in reader.connections] == [2, 2, 1]
        messages = [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages()]
    assert messages[-1].id.tolist() == [2**40, 7]
    assert messages[-1].u.tolist() == [1.5, 2.5]
    assert messages[-1].header.stamp.nanosec == 5
    assert messages[0].binning_x == 0


def test_the_mcap_has_the_profile_schemas_and_metadata_of_rosbag2(mcap):
    with mcap.open('rb') as file:
        reader = make_reader(file, validate_crcs=True)
        assert reader.get_header().profile == 'ros2'
        summary = reader.get_summary()
        assert len(list(reader.iter_messages())) == 20
    schemas = {schema.name: schema for schema in summary.schemas.values()}
    text = schemas[IMAGE].data.decode()
    assert schemas[IMAGE].encoding == 'ros2msg'
    assert 'MSG: std_msgs/Header' in text
    assert 'MSG: builtin_interfaces/Time' in text
    assert all(c.message_encoding == 'cdr' for c in summary.channels.values())
    assert all('offered_qos_profiles' in c.metadata for c in summary.channels.values())
    assert summary.statistics.message_count == 20


def test_raw_messages_are_written_as_they_are(tmp_path):
    raw = serialise(IMAGE, fields(0))
    with BagWriter(tmp_path / 'raw.mcap') as writer:
        writer.write_raw('/left/image_raw', IMAGE, raw, stamp(0))
    with AnyReader([tmp_path / 'raw.mcap']) as reader:
        assert [bytes(data) for _, _, data in reader.messages()] == [raw]


def test_every_own_message_is_known():
    names = {'alike_ros/msg/Keypoints', TRACKS, 'alike_ros/msg/FrontendStatus'}
    assert names <= typestore().fielddefs.keys()


def test_what_does_not_belong_is_refused(tmp_path):
    with BagWriter(tmp_path / 'strict.mcap') as writer:
        writer.write('/image', IMAGE, fields(0), 0)
        with pytest.raises(DatasetError, match='no definition of message type'):
            writer.write('/odd', 'odd_msgs/msg/Odd', {}, 0)
        with pytest.raises(DatasetError, match="no field \\['colour'\\]"):
            writer.write('/image', IMAGE, {'colour': 1}, 0)
        with pytest.raises(DatasetError, match='/image holds sensor_msgs/msg/Image'):
            writer.write('/image', INFO, {}, 0)


def test_a_folder_of_other_files_is_not_overwritten(tmp_path):
    (tmp_path / 'letter.txt').write_text('dear')
    with pytest.raises(FileExistsError, match='holds other files'):
        BagWriter(tmp_path)
    assert (tmp_path / 'letter.txt').read_text() == 'dear'


# Cut off


def test_a_file_cut_anywhere_gives_the_first_messages_or_an_error(tmp_path, rng):
    whole = tmp_path / 'whole.mcap'
    with BagWriter(whole) as writer:
        write_frames(writer, 60)
    content = whole.read_bytes()
    counts = []
    for length in sorted(rng.integers(0, len(content), 40)):
        path = tmp_path / 'cut.mcap'
        path.write_bytes(content[:length])
        try:
            frames = list(BagSource(path))
        except DatasetError:
            frames = []
        assert_is_pictures(frames, len(frames))
        counts.append(len(frames))
    assert counts == sorted(counts)
    assert counts[-1] > 50


WRITE_AND_WAIT = """
import sys
sys.path.insert(0, {test!r})
from test_bags import BagWriter, write_frames
writer = BagWriter(sys.argv[1])
write_frames(writer, 35)
print('written', flush=True)
sys.stdin.read()
"""


def test_a_killed_recording_opens_up_to_the_last_second(tmp_path):
    path = tmp_path / 'killed.mcap'
    script = WRITE_AND_WAIT.format(test=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, '-c', script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
    )
    with process:
        assert process.stdout.readline() == b'written\n'
        process.send_signal(signal.SIGKILL)
    frames = list(BagSource(path))
    assert_is_pictures(frames, len(frames))
    assert 30 <= len(frames) <= 35  # 10 images a second


def test_flush_brings_every_message_into_the_file(tmp_path):
    writer = BagWriter(tmp_path / 'open.mcap')
    write_frames(writer, 3)
    writer.flush()
    assert_is_pictures(list(BagSource(tmp_path / 'open.mcap')), 3)
    writer.close()


needs_full = pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')


@needs_full
def test_a_full_disk_is_an_os_error_that_names_the_file(tmp_path):
    (tmp_path / 'full.mcap').symlink_to('/dev/full')
    with pytest.raises(OSError, match='full.mcap: No space left on device; what was written'):
        BagWriter(tmp_path / 'full.mcap')


@needs_full
def test_what_came_before_the_disk_was_full_stays_readable(tmp_path, monkeypatch):
    path = tmp_path / 'full.mcap'
    writer = BagWriter(path)
    write_frames(writer, 20)
    writer.flush()
    room = os.open('/dev/full', os.O_WRONLY)
    monkeypatch.setattr(writer._file, '_file', os.fdopen(room, 'wb', buffering=0))
    with pytest.raises(OSError, match=r'full.mcap: No space left on device; what was written'):
        write_frames(writer, 20, start=20)
    with pytest.raises(OSError, match='No space left'):
        writer.write('/left/image_raw', IMAGE, fields(40), stamp(40))
    writer.close()
    assert_is_pictures(list(BagSource(path)), 20)


def test_messages_come_in_order_of_time_from_all_topics(mcap):
    with Bag(mcap) as bag:
        entries = [(topic, time_ns) for topic, time_ns, _ in bag.messages()]
    assert [time_ns for _, time_ns in entries] == sorted(time_ns for _, time_ns in entries)
    assert len(entries) == 20
