"""What is written opens elsewhere."""

import numpy as np
import pytest
from bag_content import (
    IMAGE,
    INFO,
    TRACKS,
    fields,
    stamp,
    ten_frames,
    write_frames,
)
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader

from alike_ros.bags import BagWriter
from alike_ros.bags.types import serialise, typestore
from alike_ros.errors import DatasetError


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


def test_the_mcap_has_the_profile_schemas_and_metadata_of_rosbag2(tmp_path):
    mcap = ten_frames(tmp_path)
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
