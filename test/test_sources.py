"""Folders, movies and names of sources: order, stamps, damage, and what is told about it."""

import logging

import cv2
import numpy as np
import pytest

from alike_ros.bags import BagSource, BagWriter
from alike_ros.errors import CameraError, DatasetError, ImageError
from alike_ros.image_message import image_fields
from alike_ros.sources import open_source
from alike_ros.sources.folder import FolderSource
from alike_ros.sources.video import LiveSource, MovieSource


def picture(index):
    """Make a (24, 32) uint8 image whose mean names it."""
    return np.full((24, 32), 10 + index, np.uint8)


def write(folder, *names):
    """Write picture(0), picture(1), ... under these names."""
    for index, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), picture(index))


def indices(source):
    return [int(frame.image.flat[0]) - 10 for frame in source]


def stamps(source):
    return [frame.stamp_ns for frame in source]


# Folders


def test_names_are_ordered_as_numbers(tmp_path):
    write(tmp_path, 'img2.png', 'img10.png', 'img1.png')
    assert indices(FolderSource(tmp_path)) == [2, 0, 1]


def test_every_suffix_in_either_case_is_an_image(tmp_path):
    names = ['a.png', 'b.PNG', 'c.pgm', 'd.bmp', 'e.tif', 'f.Tiff']
    write(tmp_path, *names)
    cv2.imwrite(str(tmp_path / 'g.ppm'), np.full((24, 32, 3), 16, np.uint8))
    cv2.imwrite(str(tmp_path / 'h.JPEG'), picture(7))
    (tmp_path / 'notes.txt').write_text('none')
    source = FolderSource(tmp_path)
    assert len(source) == 8
    assert indices(source) == list(range(8))


def test_stamps_in_seconds_are_read_exactly(tmp_path):
    write(tmp_path, '1311868169.163498.png', '1311868169.263274.png')
    assert stamps(FolderSource(tmp_path)) == [1311868169163498000, 1311868169263274000]


def test_stamps_of_19_digits_are_nanoseconds(tmp_path):
    write(tmp_path, '1403715273262142976.png', '1403715274012143104.png')
    assert stamps(FolderSource(tmp_path)) == [1403715273262142976, 1403715274012143104]


def test_other_names_count_at_the_rate(tmp_path):
    write(tmp_path, '1.5.png', 'b.png', 'c.png')
    assert stamps(FolderSource(tmp_path)) == [0, 33333333, 66666667]
    assert stamps(FolderSource(tmp_path, rate_hz=10)) == [0, 100_000_000, 200_000_000]


def test_colour_files_are_rgb_and_grey_files_stay_grey(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((4, 5, 3), (1, 2, 250), np.uint8))
    write(tmp_path, 'b.png')
    colour, grey = FolderSource(tmp_path)
    assert colour.image[0, 0].tolist() == [250, 2, 1]
    assert grey.image.ndim == 2


def damage(path):
    path.write_bytes(path.read_bytes()[:60])


def test_an_image_that_is_cut_off_is_told_counted_and_left_out(tmp_path, caplog):
    write(tmp_path, 'a.png', 'b.png', 'c.png')
    damage(tmp_path / 'b.png')
    source = FolderSource(tmp_path)
    with caplog.at_level(logging.WARNING):
        frames = list(source)
    assert [frame.stamp_ns for frame in frames] == [0, 66666667]
    assert source.skipped == 1
    assert 'b.png: the image is cut off' in caplog.text


def test_strict_iteration_raises_and_names_the_file(tmp_path):
    write(tmp_path, 'a.png', 'b.png')
    damage(tmp_path / 'b.png')
    frames = iter(FolderSource(tmp_path, strict=True))
    next(frames)
    with pytest.raises(ImageError, match='b.png: the image is cut off'):
        next(frames)


def test_a_folder_without_calibration_has_no_camera(tmp_path):
    write(tmp_path, 'a.png')
    assert FolderSource(tmp_path).camera is None


def test_calibrations_in_the_folder_are_found(tmp_path):
    write(tmp_path, 'a.png')
    (tmp_path / 'intrinsics.txt').write_text('fx fy cx cy = 30 31 16 12\n')
    camera = FolderSource(tmp_path).camera
    assert camera.matrix.tolist() == [[30, 0, 16], [0, 31, 12], [0, 0, 1]]
    assert camera.image_size == (32, 24)
    (tmp_path / 'camera_info.yaml').write_text(
        'image_width: 32\nimage_height: 24\ndistortion_model: plumb_bob\n'
        'camera_matrix: {data: [40, 0, 16, 0, 40, 12, 0, 0, 1]}\n'
        'distortion_coefficients: {data: [0.1, 0, 0, 0, 0]}\n'
    )
    assert FolderSource(tmp_path).camera.distortion == (0.1, 0, 0, 0, 0)
    (tmp_path / 'camera_info.yaml').write_text('nothing: here')
    with pytest.raises(CameraError, match='camera_info.yaml'):
        FolderSource(tmp_path)


# Movies and cameras


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / 'movie.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 20, (64, 48))
    for index in range(6):
        writer.write(np.full((48, 64, 3), (20, 20, 30 * index), np.uint8))
    writer.release()
    return path


def test_a_movie_gives_every_frame_in_rgb_with_its_own_stamps(movie):
    source = MovieSource(movie)
    frames = list(source)
    assert len(source) == len(frames) == 6
    assert stamps(source) == [index * 50_000_000 for index in range(6)]
    for index, frame in enumerate(frames):
        np.testing.assert_allclose(frame.image[20, 20].astype(int), (30 * index, 20, 20), atol=6)


def test_a_file_that_is_no_movie_says_what_is_accepted(tmp_path):
    (tmp_path / 'letter.txt').write_text('dear reader\n' * 50)
    with pytest.raises(DatasetError, match='letter.txt is no movie .* Accepted are .*TUM'):
        open_source(str(tmp_path / 'letter.txt'))


def test_a_cut_off_movie_ends_or_says_that_it_is_damaged(movie):
    movie.write_bytes(movie.read_bytes()[:5000])
    try:
        assert len(list(MovieSource(movie))) <= 6
    except DatasetError as error:
        assert 'movie.avi' in str(error)


def test_a_camera_that_is_not_there_says_what_to_check():
    with pytest.raises(DatasetError, match='camera97 does not open; check'):
        open_source('camera97')


class FakeCapture:
    """A camera that gives three images and is then unplugged."""

    def __init__(self, number):
        self.left = 3

    def isOpened(self):  # noqa: N802
        return True

    def grab(self):
        self.left -= 1
        return self.left >= 0

    def retrieve(self):
        return True, np.full((4, 5, 3), (1, 2, 3), np.uint8)

    def release(self):
        pass


def test_a_live_camera_stamps_each_image_until_it_is_unplugged(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)
    frames = []
    with pytest.raises(DatasetError, match='camera0 stopped giving images'):
        frames.extend(LiveSource(0))
        pytest.fail('a camera has no end')
    source = iter(LiveSource(0))
    first, second = next(source), next(source)
    assert first.image[0, 0].tolist() == [3, 2, 1]
    assert 1.6e18 < first.stamp_ns <= second.stamp_ns


# Dispatch


@pytest.mark.parametrize('spec', ['/not/there', 'camera', 'no_such_movie.mp4'])
def test_what_is_not_there_lists_what_is_accepted(spec):
    with pytest.raises(DatasetError, match=f'{spec} is not there; expected .*room.*camera0.*bag'):
        open_source(spec)


@pytest.mark.parametrize('name', [None, 'notes.txt'], ids=['empty', 'texts'])
def test_a_folder_without_images_says_what_it_should_hold(tmp_path, name):
    if name:
        (tmp_path / name).write_text('text')
    with pytest.raises(DatasetError, match='holds no images; expected files ending in .png'):
        open_source(str(tmp_path))


def test_a_single_image_says_to_give_its_folder(tmp_path):
    write(tmp_path, 'a.png')
    with pytest.raises(DatasetError, match='is a single image; give the folder'):
        open_source(str(tmp_path / 'a.png'))


def test_folders_movies_and_bags_are_told_apart(tmp_path, movie):
    for name in ('images', 'plain'):
        (tmp_path / name).mkdir()
    write(tmp_path / 'images', 'a.png', 'b.png')
    for bag in (tmp_path / 'one.mcap', tmp_path / 'folder'):
        with BagWriter(bag) as writer:
            fields = {'header': (5, 'left'), **image_fields(picture(0))}
            writer.write('/image', 'sensor_msgs/msg/Image', fields, 5)
        assert isinstance(open_source(str(bag), 'image'), BagSource)
    assert isinstance(open_source(str(tmp_path / 'images')), FolderSource)
    assert isinstance(open_source(str(movie)), MovieSource)


@pytest.mark.parametrize(
    ('folder', 'count', 'name'),
    [('kitti', 20, 'KittiSource'), ('tum', 20, 'TumSource'), ('euroc', 6, 'EurocSource')],
)
def test_datasets_are_recognised_by_their_files(data, folder, count, name):
    source = open_source(str(data / folder))
    assert (type(source).__name__, len(source)) == (name, count)
    assert source.camera is not None


def test_a_bag_is_a_source_with_its_topics(data):
    spec = str(data / 'bags' / 'ctu_raw.bag')
    source = open_source(spec, '/spot/camera/hand_color/image')
    assert [frame.image.shape for frame in source] == [(480, 640, 3)]
