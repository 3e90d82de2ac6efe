"""KITTI, TUM and EuRoC folders: true poses fit the images, and wrong files are named."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from alike_ros.datasets.euroc import EurocSource
from alike_ros.datasets.files import read_image, seconds_to_ns
from alike_ros.datasets.kitti import KittiSource
from alike_ros.datasets.room import RoomSource
from alike_ros.datasets.trajectory import Trajectory, pose_matrix, quaternion, slerp
from alike_ros.datasets.tum import INTRINSICS, TumSource
from alike_ros.errors import DatasetError, ImageError

GREY = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def sampson_errors_px(source, first: int, second: int) -> np.ndarray:
    """Distances of SIFT matches from the epipolar lines that the true poses give."""
    sift, matcher = cv2.SIFT_create(1000), cv2.BFMatcher(crossCheck=True)
    images = [source.frame(index).image for index in (first, second)]
    grey = [i if i.ndim == 2 else cv2.cvtColor(i, cv2.COLOR_RGB2GRAY) for i in images]
    (points_a, described_a), (points_b, described_b) = (
        sift.detectAndCompute(g, None) for g in grey
    )
    matches = matcher.match(described_a, described_b)
    a = source.camera.normalise(np.array([points_a[m.queryIdx].pt for m in matches]))
    b = source.camera.normalise(np.array([points_b[m.trainIdx].pt for m in matches]))
    b_from_a = np.linalg.inv(source.truth.pose(second)) @ source.truth.pose(first)
    x, y, z = b_from_a[:3, 3]
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ b_from_a[:3, :3]
    a, b = np.column_stack([a, np.ones(len(a))]), np.column_stack([b, np.ones(len(b))])
    lines_b, lines_a = a @ essential.T, b @ essential
    slopes = (lines_b[:, :2] ** 2).sum(axis=1) + (lines_a[:, :2] ** 2).sum(axis=1)
    return np.abs((b * lines_b).sum(axis=1)) / np.sqrt(slopes) * source.camera.matrix[0, 0]


class TestTruePosesFitTheImages:
    def test_of_kitti(self, data):
        source = KittiSource(data / 'kitti')
        medians = [np.median(sampson_errors_px(source, k, k + 1)) for k in range(0, 19, 6)]
        assert max(medians) < 0.5

    def test_of_tum(self, data):
        source = TumSource(data / 'tum')
        medians = [np.median(sampson_errors_px(source, k, k + 5)) for k in range(0, 15, 5)]
        assert np.median(medians) < 2.0

    def test_of_the_room(self, photos):
        source = RoomSource(frames=40)
        medians = [np.median(sampson_errors_px(source, k, k + 3)) for k in (0, 15, 30)]
        assert max(medians) < 0.2

    def test_the_inverse_poses_would_not_fit(self, data):
        source = KittiSource(data / 'kitti')
        right = np.median(sampson_errors_px(source, 9, 10))
        poses = source.truth.poses
        source.truth = type(source.truth)([np.linalg.inv(pose) for pose in poses])
        assert np.median(sampson_errors_px(source, 9, 10)) > 8 * right


class TestKitti:
    def published(self, folder: Path, count: int = 4) -> Path:
        """Make a sequence as it is published, with poses along z."""
        sequence = folder / 'sequences' / '07'
        for k in range(count):
            save(sequence / 'image_0' / f'{k:06d}.png', GREY)
            save(sequence / 'image_2' / f'{k:06d}.png', np.dstack([GREY, GREY, GREY // 2]))
        (sequence / 'times.txt').write_text(''.join(f'{0.1 * k:.6e}\n' for k in range(count)))
        (sequence / 'calib.txt').write_text(
            'P0: 50 0 32 0 0 50 24 0 0 0 1 0\nP1: 50 0 32 -25 0 50 24 0 0 0 1 0\n'
            'P2: 50 0 32 5 0 50 24 0 0 0 1 0\nTr: 1 0 0 0 0 1 0 0 0 0 1 0\n'
        )
        (folder / 'poses').mkdir()
        (folder / 'poses' / '07.txt').write_text(
            ''.join(f'1 0 0 0 0 1 0 0 0 0 1 {k}\n' for k in range(count))
        )
        return sequence

    def test_the_excerpt_has_images_stamps_camera_and_poses(self, data):
        source = KittiSource(data / 'kitti')
        frames = list(source)
        assert len(frames) == len(source) == 20
        assert frames[0].image.shape == (376, 1241)
        assert frames[0].stamp_ns == 10_368_670_000
        assert source.camera.image_size == (1241, 376)
        assert source.camera.matrix[0].tolist() == [718.856, 0, 607.1928]
        np.testing.assert_allclose(source.truth.pose(0)[:3, 3], [-4.934649, -2.926167, 84.31338])

    @pytest.mark.parametrize('root', [True, False])
    def test_a_published_sequence_is_read_from_its_folder_or_the_root(self, tmp_path, root):
        sequence = self.published(tmp_path)
        path = tmp_path if root else sequence
        assert KittiSource.recognises(path)
        source = KittiSource(path)
        assert (source.name, len(source)) == ('kitti_07', 4)
        assert source.truth.pose(3)[2, 3] == 3
        assert source.frame(0).image.ndim == 2

    def test_poses_are_of_the_camera_asked_for(self, tmp_path):
        source = KittiSource(self.published(tmp_path), camera='image_2')
        np.testing.assert_allclose(source.truth.pose(2)[:3, 3], [-0.1, 0, 2])
        np.testing.assert_array_equal(source.frame(0).image[0, :4, 0], [0, 0, 1, 1])

    def test_images_missing_in_the_middle_keep_stamps_and_poses_in_step(self, tmp_path):
        sequence = self.published(tmp_path)
        (sequence / 'image_0' / '000001.png').unlink()
        source = KittiSource(sequence)
        assert [frame.stamp_ns for frame in source] == [0, 200_000_000, 300_000_000]
        assert source.truth.pose(1)[2, 3] == 2

    def test_an_excerpt_with_a_hole_keeps_stamps_and_poses_in_step(self, data, tmp_path):
        shutil.copytree(data / 'kitti', tmp_path / 'kitti')
        whole = KittiSource(tmp_path / 'kitti')
        (tmp_path / 'kitti' / '000105.png').unlink()
        holed = KittiSource(tmp_path / 'kitti')
        assert holed.frame(5).stamp_ns == whole.frame(6).stamp_ns
        np.testing.assert_array_equal(holed.truth.pose(5), whole.truth.pose(6))

    def test_a_sequence_without_poses_has_no_truth(self, tmp_path):
        sequence = self.published(tmp_path)
        (tmp_path / 'poses' / '07.txt').unlink()
        assert KittiSource(sequence).truth is None

    @pytest.mark.parametrize(
        'file, text, message',
        [
            ('times.txt', None, 'times.txt is missing'),
            ('times.txt', '0\n0.1\n', 'does not fit images 0 to 3'),
            ('times.txt', '0\n0.1\nnoon\n0.3\n', "'noon' is not a time"),
            ('calib.txt', 'P1: 50 0 32 0 0 50 24 0 0 0 1 0\n', 'no line P0:'),
            ('calib.txt', 'P0: 50 0\n', 'expected 13 fields'),
            ('../../poses/07.txt', '1 0 0 0 0 1 0 0 0 0 1 0\n', '1 poses and times.txt 4 lines'),
        ],
    )
    def test_files_that_do_not_fit_are_named(self, tmp_path, file, text, message):
        sequence = self.published(tmp_path)
        (sequence / file).unlink()
        if text is not None:
            (sequence / file).write_text(text)
        with pytest.raises(DatasetError, match=message):
            KittiSource(sequence)

    def test_several_sequences_ask_for_one(self, tmp_path):
        self.published(tmp_path)
        (tmp_path / 'sequences' / '08').mkdir()
        with pytest.raises(DatasetError, match='07, 08'):
            KittiSource(tmp_path)

    def test_an_image_that_cannot_be_read_is_left_out_and_counted(self, tmp_path, caplog):
        sequence = self.published(tmp_path)
        broken = sequence / 'image_0' / '000001.png'
        broken.write_bytes(broken.read_bytes()[:30])
        source = KittiSource(sequence)
        frames = list(source)
        assert [source.index_of(frame.stamp_ns) for frame in frames] == [0, 2, 3]
        assert source.skipped == 1
        assert '000001.png' in caplog.text
        with pytest.raises(ImageError, match='000001.png'):
            source.frame(1)


class TestTum:
    TRUTH = '# ground truth trajectory\n' + ''.join(
        f'{10 + 0.01 * k:.4f} {0.02 * k:.4f} 0 0 0 0 0 1\n' for k in range(60)
    )

    def published(self, folder: Path) -> Path:
        lines = ["# color images\n# file: 'rgbd_dataset_freiburg3_desk.bag'\n"]
        depths = ['# depth maps\n']
        for k in range(4):
            stamp = f'{10.005 + 0.1 * k:.6f}'
            save(folder / 'rgb' / f'{stamp}.png', np.dstack([GREY, GREY, GREY // 2]))
            lines.append(f'{stamp} rgb/{stamp}.png\n')
            save(folder / 'depth' / f'{stamp}.png', np.full((48, 64), 10_000, np.uint16))
            depths.append(f'{stamp} depth/{stamp}.png\n')
        (folder / 'rgb.txt').write_text(''.join(lines))
        (folder / 'depth.txt').write_text(''.join(depths))
        (folder / 'groundtruth.txt').write_text(self.TRUTH)
        return folder

    def test_the_excerpt_has_images_stamps_camera_and_poses(self, data):
        source = TumSource(data / 'tum')
        frame = next(iter(source))
        assert len(source) == 20
        assert frame.image.shape == (480, 640, 3)
        assert frame.stamp_ns == 1311868169_163498000
        assert source.camera.distortion == INTRINSICS['freiburg2'][1]
        assert all(source.truth.pose(k) is not None for k in range(20))
        assert np.isnan(source.truth.transfer(np.zeros((3, 2)), 0, 1)).all()

    def test_a_published_sequence_has_interpolated_poses(self, tmp_path):
        source = TumSource(self.published(tmp_path))
        assert source.camera.matrix[0, 0] == 535.4
        np.testing.assert_allclose(source.truth.pose(1)[:3, 3], [0.21, 0, 0], atol=1e-9)

    def test_depth_transfers_points(self, tmp_path):
        source = TumSource(self.published(tmp_path))
        points = np.array([[60.0, 20.0], [2.0, 5.0], [63.9, 20.0]])
        moved = source.truth.transfer(points, 0, 1)
        shift = 535.4 * 0.2 / 2.0
        np.testing.assert_allclose(moved[0], points[0] - [shift, 0], atol=1e-3)
        assert np.isnan(moved[1:]).all()  # outside of b; beside the depth of a
        same = source.truth.transfer(points, 0, 0)
        np.testing.assert_allclose(same[:2], points[:2], atol=1e-4)

    def test_an_image_outside_of_the_ground_truth_has_no_pose(self, tmp_path):
        folder = self.published(tmp_path)
        lines = (folder / 'groundtruth.txt').read_text().splitlines(keepends=True)
        (folder / 'groundtruth.txt').write_text(''.join(lines[:30]))
        truth = TumSource(folder).truth
        assert truth.pose(2) is not None
        assert truth.pose(3) is None

    def test_listed_images_that_are_missing_are_left_out(self, tmp_path):
        folder = self.published(tmp_path)
        next((folder / 'rgb').glob('10.105*')).unlink()
        assert [frame.stamp_ns for frame in TumSource(folder)] == [
            10_005_000_000,
            10_205_000_000,
            10_305_000_000,
        ]

    def test_a_camera_that_no_file_tells_is_not_guessed(self, tmp_path):
        folder = self.published(tmp_path)
        (folder / 'rgb.txt').write_text((folder / 'rgb.txt').read_text().replace('freiburg3', ''))
        assert TumSource(folder).camera is None

    @pytest.mark.parametrize(
        'file, text, message',
        [
            ('groundtruth.txt', '# nothing\n', 'holds no poses'),
            ('groundtruth.txt', '10 0 0 0 0 0 0\n', 'expected 8 fields'),
            ('groundtruth.txt', '10 0 0 0 0 0 0 2\n', 'unit length'),
            ('groundtruth.txt', '99 0 0 0 0 0 0 1\n', 'no pose at the time'),
            ('rgb.txt', '10.0 rgb/other.png\n', 'none of the images that rgb.txt lists'),
            ('intrinsics.txt', 'f = 3', "expected 'fx fy cx cy = 4 numbers'"),
        ],
    )
    def test_files_that_do_not_fit_are_named(self, tmp_path, file, text, message):
        folder = self.published(tmp_path)
        (folder / file).write_text(text)
        with pytest.raises(DatasetError, match=message):
            TumSource(folder)


class TestEuroc:
    SENSOR = (
        '%YAML:1.0\nT_BS:\n  cols: 4\n  rows: 4\n  data: [0.0, -1.0, 0.0, 0.1,\n'
        '         1.0, 0.0, 0.0, 0.2,\n        0.0, 0.0, 1.0, 0.3,\n  0.0, 0.0, 0.0, 1.0]\n'
        'resolution: [64, 48]\nintrinsics: [50.0, 51.0, 32.0, 24.0] #fu, fv, cu, cv\n'
        'distortion_model: radial-tangential\n'
        'distortion_coefficients: [-0.28, 0.07, 0.0002, 1.8e-05]\n'
    )

    def published(self, folder: Path) -> Path:
        camera = folder / 'mav0' / 'cam0'
        stamps = [1403715273262142976 + 50_000_000 * k for k in range(3)]
        for stamp in stamps:
            save(camera / 'data' / f'{stamp}.png', GREY)
        (camera / 'sensor.yaml').write_text(self.SENSOR)
        states = folder / 'mav0' / 'state_groundtruth_estimate0'
        states.mkdir()
        rows = [f'{stamp},1.0,2.0,3.0,0.5,0.5,0.5,0.5,0,0,0\n' for stamp in stamps]
        (states / 'data.csv').write_text('#timestamp, p, q\n' + ''.join(rows))
        return folder

    def test_the_excerpt_has_images_stamps_camera_and_poses(self, data):
        source = EurocSource(data / 'euroc')
        assert [frame.image.shape for frame in source] == [(480, 752)] * 6
        assert source.frame(0).stamp_ns == 1403715273262142976
        assert source.camera.distortion == (-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05)
        assert source.truth.pose(5) is not None

    def test_the_camera_of_the_excerpt_looks_level_and_upright(self, data):
        pose = EurocSource(data / 'euroc').truth.pose(1)
        right, down, forward = pose[:3, :3].T
        assert down[2] < -0.8
        assert abs(right[2]) < 0.3
        assert abs(forward[2]) < 0.6

    def test_left_and_right_cameras_are_eleven_centimetres_apart(self, data):
        left = EurocSource(data / 'euroc').truth.pose(1)
        right = EurocSource(data / 'euroc', camera='cam1').truth.pose(1)
        baseline = (np.linalg.inv(left) @ right)[:3, 3]
        assert baseline[0] == pytest.approx(0.11, abs=0.002)
        assert np.abs(baseline[1:]).max() < 0.002

    def test_the_camera_s_place_on_the_body_is_applied(self, tmp_path):
        source = EurocSource(self.published(tmp_path))
        pose = source.truth.pose(0)
        np.testing.assert_allclose(pose[:3, 3], [1.3, 2.1, 3.2])
        np.testing.assert_allclose(pose[:3, :3], [[0, 0, 1], [0, -1, 0], [1, 0, 0]], atol=1e-12)

    @pytest.mark.parametrize(
        'old, new, message',
        [
            ('intrinsics: [50.0, 51.0', 'intrinsics: [50.0', "4 numbers at 'intrinsics', got 3"),
            ('radial-tangential', 'equidistant', 'got equidistant'),
            ('data: [0.0, -1.0,', 'data: [', "16 numbers at 'data', got 14"),
        ],
    )
    def test_a_calibration_that_does_not_fit_is_named(self, tmp_path, old, new, message):
        folder = self.published(tmp_path)
        text = self.SENSOR.replace(old, new)
        (folder / 'mav0' / 'cam0' / 'sensor.yaml').write_text(text)
        with pytest.raises(DatasetError, match=message):
            EurocSource(folder)

    def test_a_camera_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(DatasetError, match='cam1: expected PNG images'):
            EurocSource(self.published(tmp_path), camera='cam1')


@pytest.mark.parametrize(
    'name, kind', [('kitti', KittiSource), ('tum', TumSource), ('euroc', EurocSource)]
)
def test_each_folder_is_recognised_by_its_own_reader_alone(data, name, kind):
    kinds = [KittiSource, TumSource, EurocSource]
    assert [other for other in kinds if other.recognises(data / name)] == [kind]
    assert not kind.recognises(data / 'homography' / 'graf')


class TestTrajectory:
    def test_poses_between_are_on_the_way(self):
        quarter = np.array([0, 0, np.sin(np.pi / 4), np.cos(np.pi / 4)])
        trajectory = Trajectory(
            np.array([0, 100]),
            np.array([[0, 0, 0], [2.0, 0, 0]]),
            np.array([[0, 0, 0, 1], quarter]),
        )
        pose = trajectory.at(50)
        assert pose[0, 3] == 1
        np.testing.assert_allclose(pose[:2, 0], np.sqrt([0.5, 0.5]))
        assert trajectory.at(101) is None
        assert trajectory.at(-1) is None
        assert trajectory.at(50, max_gap_ns=99) is None

    def test_slerp_takes_the_shorter_turn(self):
        a = np.array([0, 0, 0, 1.0])
        b = -np.array([0, 0, np.sin(0.1), np.cos(0.1)])
        np.testing.assert_allclose(np.abs(slerp(a, b, 0.5)), [0, 0, np.sin(0.05), np.cos(0.05)])

    def test_quaternions_and_matrices_are_the_same_rotations(self, rng):
        for turned in [*rng.standard_normal((50, 4)), *np.eye(4), [1, 1, 0, 0], [0, 1, 1, 0]]:
            unit = np.asarray(turned, float) / np.linalg.norm(turned)
            found = quaternion(pose_matrix(np.zeros(3), unit)[:3, :3])
            np.testing.assert_allclose(abs(found @ unit), 1, atol=1e-12)


def test_stamps_in_seconds_keep_every_nanosecond():
    assert seconds_to_ns('1311868169.163498123') == 1311868169163498123
    assert seconds_to_ns('1.036867e+01') == 10_368_670_000
    for wrong in ('', 'nan', 'inf', 'noon'):
        with pytest.raises(ValueError, match='not a time'):
            seconds_to_ns(wrong)


def test_images_keep_their_colours_and_sixteen_bits_are_refused(tmp_path):
    colour = np.zeros((4, 5, 3), np.uint8)
    colour[..., 2] = 200  # red in OpenCV's order
    save(tmp_path / 'colour.png', colour)
    assert read_image(tmp_path / 'colour.png')[0, 0].tolist() == [200, 0, 0]
    save(tmp_path / 'deep.png', np.zeros((4, 5), np.uint16))
    with pytest.raises(ImageError, match='8-bit'):
        read_image(tmp_path / 'deep.png')
    with pytest.raises(ImageError, match='cannot be read'):
        read_image(tmp_path / 'none.png')
