"""`alike convert`: what is in the folder is in the bag, and no half bag is ever left."""

import cv2
import numpy as np
import pytest

from alike_ros.bags import Bag, BagSource
from alike_ros.camera import camera_from_info
from alike_ros.cli.main import FAILED, INTERRUPTED, main
from alike_ros.datasets.files import ImageFiles
from alike_ros.datasets.kitti import KittiSource
from alike_ros.datasets.trajectory import pose_matrix
from alike_ros.image_message import image_from_msg


@pytest.fixture
def folder(tmp_path):
    """Four frames of a published KITTI sequence."""
    sequence = tmp_path / 'sequences' / '07'
    (sequence / 'image_0').mkdir(parents=True)
    for k in range(4):
        image = np.full((48, 64), 40 * k, np.uint8)
        cv2.imwrite(str(sequence / 'image_0' / f'{k:06d}.png'), image)
    (sequence / 'times.txt').write_text('0.0\n0.1\n0.2\n0.3\n')
    (sequence / 'calib.txt').write_text('P0: 50 0 32 0 0 51 24 0 0 0 1 0\n')
    (sequence / 'poses').mkdir()
    turn = '0 0 1 0 0 1 0 0 -1 0 0'
    (sequence / 'poses' / '07.txt').write_text(''.join(f'{turn} {k}\n' for k in range(4)))
    return sequence


def messages(path, topic):
    with Bag(path) as bag:
        return [(time_ns, message) for _, time_ns, message in bag.messages(topic)]


@pytest.mark.parametrize('name', ['out', 'out.mcap'])
def test_images_camera_and_poses_arrive_unchanged(folder, tmp_path, name, capsys):
    bag = tmp_path / 'new' / name
    assert main(['convert', 'kitti', str(folder), str(bag)]) == 0
    assert '4 images on /kitti/image, 4 poses on /ground_truth' in capsys.readouterr().out
    source = KittiSource(folder)
    images = messages(bag, '/kitti/image')
    infos = messages(bag, '/kitti/camera_info')
    poses = messages(bag, '/ground_truth')
    assert len(images) == len(infos) == len(poses) == 4
    for k, frame in enumerate(source):
        header = images[k][1].header
        assert images[k][0] == frame.stamp_ns
        assert header.stamp.sec * 10**9 + header.stamp.nanosec == frame.stamp_ns
        assert header.frame_id == infos[k][1].header.frame_id == 'kitti_camera_optical_frame'
        assert images[k][1].encoding == 'mono8'
        np.testing.assert_array_equal(image_from_msg(images[k][1]), frame.image)
        assert poses[k][1].header.frame_id == 'world'
        given = poses[k][1].pose
        p, q = given.position, given.orientation
        found = pose_matrix(np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w]))
        np.testing.assert_allclose(found, source.truth.pose(k), atol=1e-9)


def test_camera_info_holds_the_calibration(folder, tmp_path):
    assert main(['convert', 'kitti', str(folder), str(tmp_path / 'out')]) == 0
    info = messages(tmp_path / 'out', '/kitti/camera_info')[0][1]
    assert (info.width, info.height, info.distortion_model) == (64, 48, 'plumb_bob')
    assert info.k.tolist() == [50, 0, 32, 0, 51, 24, 0, 0, 1]
    assert info.p.tolist() == [50, 0, 32, 0, 0, 51, 24, 0, 0, 0, 1, 0]
    assert info.r.tolist() == np.eye(3).ravel().tolist()
    assert not np.any(info.d)
    camera = camera_from_info(info)
    np.testing.assert_array_equal(camera.matrix, KittiSource(folder).camera.matrix)


@pytest.mark.parametrize('kind, shape', [('tum', (480, 640, 3)), ('euroc', (480, 752))])
def test_real_excerpts_become_bags_that_open_as_sources(data, tmp_path, kind, shape):
    bag = tmp_path / f'{kind}.mcap'
    assert main(['convert', kind, str(data / kind), str(bag), '--frames', '3']) == 0
    source = BagSource(bag)
    assert [frame.image.shape for frame in source] == [shape] * 3
    assert any(source.camera.distortion)
    assert len(messages(bag, '/ground_truth')) == 3


def test_the_topic_can_be_chosen_and_camera_info_stays_beside_it(folder, tmp_path):
    out = tmp_path / 'out'
    arguments = ['convert', 'kitti', str(folder), str(out), '--topic', 'left/image_raw']
    assert main([*arguments, '--frames', '2']) == 0
    with Bag(out) as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
    assert counts == {'/left/image_raw': 2, '/left/camera_info': 2, '/ground_truth': 2}


@pytest.mark.parametrize('name', ['out', 'out.mcap'])
@pytest.mark.parametrize('error, code', [(KeyboardInterrupt, INTERRUPTED), (OSError, FAILED)])
def test_an_interrupted_conversion_leaves_nothing(
    folder, tmp_path, monkeypatch, name, error, code
):
    read = ImageFiles.frame

    def stop_at_third(self, index):
        if index == 2:
            raise error
        return read(self, index)

    monkeypatch.setattr(ImageFiles, 'frame', stop_at_third)
    before = sorted(tmp_path.iterdir())
    assert main(['convert', 'kitti', str(folder), str(tmp_path / name)]) == code
    assert sorted(tmp_path.iterdir()) == before


def test_an_older_bag_stays_until_the_new_one_is_finished(folder, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    assert main(['convert', 'kitti', str(folder), str(out), '--frames', '1']) == 0
    with monkeypatch.context() as patch:
        patch.setattr(ImageFiles, 'frame', lambda self, index: (_ for _ in ()).throw(OSError()))
        assert main(['convert', 'kitti', str(folder), str(out)]) == FAILED
    assert len(messages(out, '/kitti/image')) == 1
    assert main(['convert', 'kitti', str(folder), str(out)]) == 0
    assert len(messages(out, '/kitti/image')) == 4


def test_a_folder_with_other_files_is_not_replaced(folder, tmp_path, capsys):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'thesis.tex').write_text('all of it')
    assert main(['convert', 'kitti', str(folder), str(out)]) == FAILED
    assert 'holds other files than a bag' in capsys.readouterr().err
    assert (out / 'thesis.tex').read_text() == 'all of it'


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['kitti', 'nowhere', 'out'], 'nowhere is not a folder'),
        (['kitti', '.', 'out'], 'times.txt is missing'),
        (['tum', '.', 'out'], 'expected rgb.txt'),
        (['euroc', '.', 'out'], 'expected PNG images'),
        (['kitti', '.', 'out', '--frames', '-1'], '--frames must be 0 or more'),
    ],
)
def test_what_cannot_be_converted_is_one_sentence(
    tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert main(['convert', *arguments]) == FAILED
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count('\n') == 1
    assert not (tmp_path / 'out').exists()
