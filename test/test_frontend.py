import cv2
import numpy as np
import pytest

from alike_ros.camera import Camera
from alike_ros.config import TrackerConfig
from alike_ros.errors import ConfigError, ImageError
from alike_ros.extractor import Extractor
from alike_ros.frontend import FrontEnd
from alike_ros.structures import Frame

pytest.importorskip('torch')

SECOND = 1_000_000_000
CAMERA = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), image_size=(640, 480))


@pytest.fixture(params=['hybrid', 'descriptor'])
def frontend(request, data):
    extractor = Extractor(weights=str(data / 'models' / 'alike-t.pth'), device='cpu', n_limit=200)
    yield FrontEnd(extractor, TrackerConfig(tracker=request.param))
    extractor.close()


@pytest.fixture(scope='module')
def texture():
    noise = np.random.default_rng(1).normal(size=(750, 900)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def view(texture, shift):
    """Return a 640 x 480 image of the texture that moves by `shift` px to the left."""
    return texture[100:580, 50 + shift : 690 + shift]


def test_a_moving_texture_is_tracked_with_its_velocity(frontend, texture):
    frontend.process(Frame(view(texture, 0), 1 * SECOND), CAMERA)
    result = frontend.process(Frame(view(texture, 5), 1 * SECOND + SECOND // 2), CAMERA)
    found = result.tracks.ages == 2
    assert found.mean() > 0.8
    steps = (result.features.keypoints - result.tracks.last_keypoints)[found]
    assert np.allclose(np.median(steps, axis=0), [-5, 0], atol=0.05)
    # 5 px of 500 px focal length in half a second
    assert np.allclose(np.median(result.velocities[found], axis=0), [-0.02, 0], atol=2e-4)
    assert np.isnan(result.velocities[~found]).all()
    assert result.dt == pytest.approx(0.5)
    expected = (result.features.keypoints - [320, 240]) / 500
    assert np.allclose(result.normalised, expected, atol=1e-6)


def test_without_calibration_normalised_coordinates_are_nan(frontend, texture):
    frontend.process(Frame(view(texture, 0), 0))
    result = frontend.process(Frame(view(texture, 2), SECOND))
    assert np.isnan(result.normalised).all()
    assert np.isnan(result.velocities).all()
    assert result.normalised.shape == (len(result.features), 2)


def test_a_clock_that_jumps_back_begins_a_new_epoch(frontend, texture):
    first = frontend.process(Frame(view(texture, 0), 5 * SECOND))
    second = frontend.process(Frame(view(texture, 0), 4 * SECOND))
    third = frontend.process(Frame(view(texture, 0), 5 * SECOND))
    assert [r.clock_jumped for r in (first, second, third)] == [False, True, False]
    assert [r.epoch for r in (first, second, third)] == [0, 1, 1]
    assert [r.frame_seq for r in (first, second, third)] == [0, 1, 2]
    assert np.isnan([first.dt, second.dt]).all()
    assert third.dt == 1
    assert not set(first.tracks.ids) & set(second.tracks.ids)
    assert set(second.tracks.ids) == set(third.tracks.ids)


def test_equal_stamps_keep_the_tracks_and_have_no_velocity(frontend, texture):
    frontend.process(Frame(view(texture, 0), 0), CAMERA)
    result = frontend.process(Frame(view(texture, 1), 0), CAMERA)
    assert result.dt == 0
    assert not result.clock_jumped
    assert (result.tracks.ages == 2).mean() > 0.8
    assert np.isnan(result.velocities).all()


def test_an_image_that_fails_leaves_everything_as_it_was(frontend, texture):
    first = frontend.process(Frame(view(texture, 0), 5 * SECOND))
    with pytest.raises(ImageError):
        frontend.process(Frame(np.zeros((4, 4), np.float32), 1 * SECOND))
    second = frontend.process(Frame(view(texture, 0), 6 * SECOND))
    assert (second.frame_seq, second.epoch, second.dt) == (1, 0, 1)
    assert set(first.tracks.ids) == set(second.tracks.ids)


def test_the_size_of_images_may_change(frontend, texture):
    frontend.process(Frame(view(texture, 0), 0))
    result = frontend.process(Frame(view(texture, 0)[:301, :403], SECOND))
    assert result.features.image_size == (403, 301)
    assert (result.tracks.ages == 2).sum() > 50


def test_live_parameters_change_together_or_not_at_all(frontend, texture):
    with pytest.raises(ConfigError, match='min_similarity'):
        frontend.configure(top_k=5, min_similarity=7.0)
    assert frontend.extractor.config.top_k == -1
    with pytest.raises(ConfigError, match='n_limit'):
        frontend.configure(n_limit=0, min_similarity=0.5)
    frontend.configure(top_k=5, max_lost_frames=0)
    assert len(frontend.process(Frame(view(texture, 0), 0)).features) <= 5


def test_the_same_stream_gives_the_same_tracks_twice(data, texture):
    def run():
        extractor = Extractor(weights=str(data / 'models' / 'alike-t.pth'), device='cpu')
        with extractor:
            frontend = FrontEnd(extractor)
            frames = [Frame(view(texture, 3 * i), i * SECOND) for i in range(3)]
            return [frontend.process(frame, CAMERA) for frame in frames]

    for one, other in zip(run(), run(), strict=True):
        assert one.tracks.ids.tobytes() == other.tracks.ids.tobytes()
        assert one.features.keypoints.tobytes() == other.features.keypoints.tobytes()
        assert one.velocities.tobytes() == other.velocities.tobytes()


def test_a_successor_repeats_no_number(frontend, texture):
    first = frontend.process(Frame(view(texture, 0), SECOND))
    successor = FrontEnd(frontend.extractor, first=frontend.successor())
    second = successor.process(Frame(view(texture, 0), 2 * SECOND))
    assert not set(first.tracks.ids) & set(second.tracks.ids)
    assert (second.epoch, second.frame_seq) == (1, 1)
    assert np.isnan(second.dt)


def test_depth_of_every_row_comes_with_the_image(frontend, texture):
    depth = np.full((240, 320), 2.0, np.float32)
    depth[:, 160:] = np.nan
    frontend.process(Frame(view(texture, 0), 0, depth=depth))
    result = frontend.process(Frame(view(texture, 3), SECOND, depth=depth))
    left = result.features.keypoints[:, 0] < 318
    right = result.features.keypoints[:, 0] > 321
    assert (result.depths[left] == 2).all() and np.isnan(result.depths[right]).all()
    assert left.any() and right.any()
    assert frontend.process(Frame(view(texture, 3), 2 * SECOND)).depths is None


def test_nothing_is_detected_or_followed_under_a_mask(frontend, texture):
    mask = np.full((480, 640), 255, np.uint8)
    mask[:, 300:400] = 0
    first = frontend.process(Frame(view(texture, 0), 0))
    second = frontend.process(Frame(view(texture, 5), SECOND, mask=mask))
    under = np.abs(second.features.keypoints[:, 0] - 349.5) < 49.5
    assert (np.abs(first.features.keypoints[:, 0] - 349.5) < 49.5).any() and not under.any()
    assert (second.tracks.ages == 2).mean() > 0.5
    for step in range(3, 7):
        third = frontend.process(Frame(view(texture, 5), step * SECOND, mask=mask[::2, ::2]))
    assert not (np.abs(third.features.keypoints[:, 0] - 349.5) < 49).any()


@pytest.mark.parametrize(
    ('part', 'reason'),
    [
        ({'depth': np.ones((100, 640), np.float32)}, 'register depth to colour'),
        ({'mask': np.ones((9, 9), np.uint8)}, 'make it from an image of this camera'),
    ],
)
def test_a_depth_or_mask_that_does_not_fit_changes_nothing(frontend, texture, part, reason):
    first = frontend.process(Frame(view(texture, 0), 5 * SECOND))
    with pytest.raises(ImageError, match=reason):
        frontend.process(Frame(view(texture, 0), SECOND, **part))
    second = frontend.process(Frame(view(texture, 0), 6 * SECOND))
    assert second.epoch == first.epoch and (second.tracks.ages == 2).mean() > 0.8
