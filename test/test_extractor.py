"""Features of real images equal those of the original code."""

import csv

import cv2
import numpy as np
import pytest

from alike_ros.backends.base import KNOWN, ON_CPU
from alike_ros.errors import BackendError, ConfigError, ImageError, WeightsError
from alike_ros.extractor import Extractor
from alike_ros.matching import match_mutual
from alike_ros.structures import Features

OFFICIAL = [
    'kitti_000100_l_threshold_sub',
    'kitti_000100_n_threshold_sub',
    'kitti_000100_s_threshold_sub',
    'kitti_000100_t_threshold_int',
    'kitti_000100_t_threshold_sub',
    'kitti_000100_t_top500_sub',
    'tum_1311868169.163498_l_threshold_sub',
    'tum_1311868169.163498_n_threshold_sub',
    'tum_1311868169.163498_s_threshold_sub',
    'tum_1311868169.163498_t_threshold_sub',
]
# name of the sequence in HPatches, folder here, HPatches image number: image number here
OXFORD = [
    ('v_graffiti', 'graf', {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}),
    ('v_bark', 'bark', {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}),
    ('v_boat', 'boat', {1: 1, 2: 2, 3: 3, 5: 4, 6: 5}),
]


def read_rgb(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.fixture
def extractor(data):
    """Make an extractor with official weights that is closed at the end."""
    opened = []

    def make(model='alike-t', **parameters):
        weights = str(data / 'models' / f'{model}.pth')
        opened.append(Extractor(model=model, weights=weights, device='cpu', **parameters))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.mark.parametrize('backend', sorted(ON_CPU))
@pytest.mark.parametrize('name', OFFICIAL)
def test_features_equal_the_original_ones(data, extractor, name, backend):
    for package in KNOWN[backend][2]:
        pytest.importorskip(package)
    dataset, stem, variant, mode, refined = name.split('_')
    expected = np.load(data / 'official_outputs' / f'{name}.npz')
    features = extractor(
        f'alike-{variant}',
        backend=backend,
        top_k=500 if mode == 'top500' else -1,
        scores_th=0.2,
        n_limit=5000,
        sub_pixel=refined == 'sub',
    ).extract(read_rgb(data / dataset / f'{stem}.png'))

    assert len(features) == len(expected['keypoints'])
    distance = np.linalg.norm(expected['keypoints'][:, None] - features.keypoints, axis=2)
    nearest = distance.argmin(axis=1)
    assert len(set(nearest)) == len(features)
    assert distance.min(axis=1).max() < 0.01
    assert np.abs(expected['scores'] - features.scores[nearest]).max() < 1e-4
    descriptors = expected['descriptors'].astype(np.float32)  # some are stored as float16
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    assert (descriptors * features.descriptors[nearest]).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize('model', ['alike-n', 'alike-l'])
def test_keypoint_and_match_counts_on_hpatches_are_exact(data, extractor, model):
    keypoints = reference(data / 'hpatches_reference' / 'per_image_keypoints.csv', model)
    matches = reference(data / 'hpatches_reference' / 'per_pair_matches.csv', model)
    network = extractor(model, scores_th=0.2, n_limit=5000)
    pairs = 0
    for sequence, folder, numbers in OXFORD:
        suffix = 'pgm' if folder == 'boat' else 'ppm'
        features = {
            number: network.extract(read_rgb(data / 'homography' / folder / f'img{here}.{suffix}'))
            for number, here in numbers.items()
        }
        for number, found in features.items():
            assert len(found) == keypoints[sequence, str(number)], (sequence, number)
            if number != 1:
                count = len(match_mutual(features[1].descriptors, found.descriptors))
                assert count == matches[sequence, f'1-{number}'], (sequence, number)
                pairs += 1
    assert pairs == 14


def reference(path, model):
    """Return counts by sequence and by image or pair."""
    with path.open() as file:
        return {
            (row['seq'], row.get('image') or row['pair']): int(row[model])
            for row in csv.DictReader(file)
        }


def test_features_have_the_documented_form(data, extractor):
    features = extractor().extract(read_rgb(data / 'tum' / '1311868169.163498.png'))
    assert isinstance(features, Features)
    assert features.image_size == (640, 480)
    for array in (features.keypoints, features.scores, features.descriptors, features.sigmas):
        assert array.dtype == np.float32
        assert len(array) == len(features)
    assert (np.diff(features.scores) <= 0).all()
    assert np.allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    assert (features.sigmas > 0).all()
    assert (features.sigmas <= 2).all()


@pytest.mark.parametrize('model', ['alike-t', 'alike-s', 'alike-n', 'alike-l'])
@pytest.mark.parametrize('value', [0, 128, 255])
@pytest.mark.parametrize('top_k', [-1, 500])
def test_a_blank_image_has_no_keypoints(extractor, model, value, top_k):
    features = extractor(model, top_k=top_k).extract(np.full((90, 120), value, np.uint8))
    assert len(features) == 0
    assert features.keypoints.shape == (0, 2)
    assert features.descriptors.shape[0] == 0
    assert features.descriptors.shape[1] in (64, 96, 128)


@pytest.mark.parametrize('size', [(1, 1), (5, 7), (16, 300), (31, 33), (97, 130)])
@pytest.mark.parametrize('channels', [(), (3,)])
def test_any_image_size_is_taken(extractor, rng, size, channels):
    image = rng.integers(0, 256, (*size, *channels), np.uint8)
    features = extractor(top_k=20).extract(image)
    assert features.image_size == size[::-1]
    assert (features.keypoints >= 0).all()
    assert (features.keypoints <= np.array(size[::-1]) - 1).all()


def test_grey_gives_the_features_of_equal_channels(data, extractor):
    grey = cv2.imread(str(data / 'kitti' / '000100.png'), cv2.IMREAD_GRAYSCALE)[:160, :320]
    network = extractor()
    one, three = network.extract(grey), network.extract(np.stack([grey] * 3, axis=-1))
    assert (one.keypoints == three.keypoints).all()
    assert (one.descriptors == three.descriptors).all()


def test_keypoints_of_a_shrunk_image_lie_in_the_image_given(data, extractor):
    image = read_rgb(data / 'tum' / '1311868169.163498.png')
    full = extractor(n_limit=300).extract(image)
    small = extractor(n_limit=300, image_size_max=480).extract(image)
    assert small.image_size == (640, 480)
    distance = np.linalg.norm(full.keypoints[:, None] - small.keypoints, axis=2).min(axis=1)
    assert (distance < 1.5).mean() > 0.5


def test_points_described_in_a_shrunk_image_stay_where_they_were_given(data, extractor, rng):
    network = extractor(image_size_max=320)
    network.extract(read_rgb(data / 'tum' / '1311868169.163498.png'))
    points = rng.uniform((0, 0), (639, 479), (500, 2)).astype(np.float32)
    described = network.describe(points)
    assert (described.keypoints == points).all() and len(described.descriptors) == 500


def test_what_is_described_later_is_what_is_described_at_once(data, extractor):
    image = read_rgb(data / 'tum' / '1311868169.163498.png')
    network = extractor()
    at_once = network.extract(image)
    [bare] = network.infer_many([network.prepare(image)], described=False)
    assert bare.descriptors.shape == (len(at_once), 0)
    assert (bare.keypoints == at_once.keypoints).all() and (bare.sigmas == at_once.sigmas).all()
    described = network.describe(bare.keypoints[::3])
    assert np.abs(described.descriptors - at_once.descriptors[::3]).max() < 1e-6
    assert np.abs(described.scores - at_once.scores[::3]).max() < 1e-6
    assert np.isnan(described.sigmas).all()
    nothing = network.describe(bare.keypoints[:0])
    assert nothing.descriptors.shape == (0, at_once.descriptors.shape[1])
    assert nothing.image_size == at_once.image_size


def test_thresholds_change_while_running_and_the_rest_does_not(data, extractor):
    image = read_rgb(data / 'tum' / '1311868169.163498.png')
    network = extractor()
    before = len(network.extract(image))
    network.configure(top_k=10)
    assert len(network.extract(image)) == 10 < before
    with pytest.raises(ConfigError, match='device cannot change while running'):
        network.configure(device='cuda')


def test_what_cannot_start_says_why(data, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match='model must be one of'):
        Extractor(model='alike-xl')
    with pytest.raises(BackendError, match='cuda:9'):
        Extractor(weights=str(data / 'models' / 'alike-t.pth'), device='cuda:9')
    with pytest.raises(WeightsError, match='no weights at'):
        Extractor(weights=str(tmp_path / 'nothing.pth'))


def test_a_wrong_image_is_refused_and_the_next_one_works(extractor, rng):
    network = extractor(top_k=5)
    with pytest.raises(ImageError, match='expected an image of uint8'):
        network.extract(np.zeros((64, 64, 3), np.float32))
    assert len(network.extract(rng.integers(0, 256, (64, 64, 3), np.uint8))) == 5


def assert_alike(features, expected):
    """Equal but for the rounding that a batch of another size may bring."""
    assert features.image_size == expected.image_size
    assert len(features) == len(expected)
    if len(expected):
        distance = np.linalg.norm(expected.keypoints[:, None] - features.keypoints, axis=2)
        nearest = distance.argmin(axis=1)
        assert distance.min(axis=1).max() < 1e-3
        assert np.abs(features.descriptors[nearest] - expected.descriptors).max() < 1e-4


@pytest.mark.parametrize('backend', sorted(KNOWN))
def test_many_images_give_what_each_gives_alone(data, extractor, backend):
    for package in KNOWN[backend][2]:
        pytest.importorskip(package)
    photo = read_rgb(data / 'tum' / '1311868169.163498.png')
    blank = np.zeros((120, 160), np.uint8)
    images = [photo[:120, :160], photo[:90, :130], blank, photo[200:320, 300:460], photo[:, :, 0]]
    masks = [None, None, None, np.zeros((120, 160), np.uint8), np.eye(480, 640, dtype=np.uint8)]
    network = extractor(backend=backend, n_limit=300)
    together = network.extract_many(images, masks)
    assert len(together[0]) > 50
    assert len(together[2]) == len(together[3]) == 0
    for features, image, mask in zip(together, images, masks, strict=True):
        assert_alike(features, network.extract(image, mask))
    assert network.extract_many([]) == []


def test_images_of_one_size_go_through_the_network_together(extractor, rng, monkeypatch):
    network = extractor(top_k=5)
    run, counts = network._backend.run, []

    def counted(images, *rest):
        counts.append(len(images))
        return run(images, *rest)

    monkeypatch.setattr(network._backend, 'run', counted)
    sizes = [(64, 96), (64, 96), (96, 64), (64, 96)]
    network.extract_many([rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes])
    assert sorted(counts) == [1, 3]


def test_no_keypoint_lies_on_a_mask_of_another_scale(data, extractor):
    image = read_rgb(data / 'tum' / '1311868169.163498.png')
    mask = np.zeros((120, 160), np.uint8)  # a quarter of the image's size
    mask[:, 80:] = 1
    for longest in (0, 480):
        found = extractor(n_limit=200, image_size_max=longest).extract(image, mask)
        assert len(found) == 200
        assert found.keypoints[:, 0].min() > 318.9
    with pytest.raises(ImageError, match='a mask of the proportions'):
        extractor().extract(image, mask[:, :100])
    with pytest.raises(ImageError, match='a mask or None for each of 2 images, got 1'):
        extractor().extract_many([image, image], [mask])


def test_least_distances_are_in_pixels_of_the_image_given(data, extractor):
    image = read_rgb(data / 'tum' / '1311868169.163498.png')
    for longest in (0, 320):
        found = extractor(min_distance=24.0, image_size_max=longest).extract(image)
        gaps = np.linalg.norm(found.keypoints[:, None] - found.keypoints, axis=2)
        least = gaps[~np.eye(len(gaps), dtype=bool)].min()
        assert least + 1e-3 >= 24
        assert least < 30
