"""The sparse evaluation equals the dense form of the paper, for every variant and size."""

import numpy as np
import pytest

torch = pytest.importorskip('torch')

import torch.nn.functional as F  # noqa: E402

from alike_ros.backends.torch_backend import TorchBackend, open_device  # noqa: E402
from alike_ros.config import ExtractorConfig  # noqa: E402
from alike_ros.detector import detect  # noqa: E402
from alike_ros.errors import BackendError, WeightsError  # noqa: E402
from alike_ros.network import VARIANTS, ALNet, load_network  # noqa: E402
from alike_ros.weights import WeightsFile  # noqa: E402


@pytest.fixture(scope='module', params=sorted(VARIANTS))
def random_weights(request, tmp_path_factory):
    """Write a file of random weights whose batch norms are not trivial."""
    torch.manual_seed(3)
    network = ALNet(VARIANTS[request.param]).train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(1, 3, 64, 96))
    path = tmp_path_factory.mktemp('weights') / f'{request.param}.pth'
    torch.save(network.state_dict(), path)
    return WeightsFile(request.param, path, '')


def dense(weights, image, config):
    """Return detections, and descriptors sampled from the full map."""
    height, width = image.shape[:2]
    padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3), np.float32)
    padded[:height, :width] = image / np.float32(255)
    batch = torch.from_numpy(padded).permute(2, 0, 1)[None]
    with torch.inference_mode():
        score_map, descriptor_map = load_network(weights.model, weights.path)(batch)
    found = detect(score_map[0, 0, :height, :width].numpy().copy(), config)
    descriptor_map = F.normalize(descriptor_map[:, :, :height, :width], dim=1)
    grid = torch.from_numpy(found.keypoints) / torch.tensor([width - 1, height - 1]) * 2 - 1
    sampled = F.grid_sample(descriptor_map, grid[None, None], align_corners=True)[0, :, 0]
    return found, F.normalize(sampled, dim=0).T.numpy()


@pytest.mark.parametrize('size', [(64, 96), (75, 101), (33, 31), (20, 40)])
@pytest.mark.parametrize('mode', [{'top_k': 50}, {'scores_th': 0.01, 'n_limit': 100}])
def test_sparse_equals_dense(random_weights, size, mode, rng):
    config = ExtractorConfig(model=random_weights.model, device='cpu', **mode)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    [features] = TorchBackend(config, random_weights).run([image], config)
    found, descriptors = dense(random_weights, image, config)
    assert len(features) == len(found.scores) > 0
    assert np.allclose(features.keypoints, found.keypoints, atol=1e-3)
    assert np.allclose(features.scores, found.scores, atol=1e-5)
    assert np.allclose(features.descriptors, descriptors, atol=1e-4)


def test_a_batch_equals_its_images_one_by_one(random_weights, rng):
    config = ExtractorConfig(model=random_weights.model, device='cpu', top_k=50)
    images = list(rng.integers(0, 256, (3, 70, 90, 3), np.uint8))
    backend = TorchBackend(config, random_weights)
    together = backend.run(images, config)
    for image, batched in zip(images, together, strict=True):
        [alone] = backend.run([image], config)
        assert np.allclose(alone.keypoints, batched.keypoints, atol=1e-3)
        assert np.allclose(alone.descriptors, batched.descriptors, atol=1e-4)


def test_weights_of_another_variant_are_refused(random_weights):
    other = 'alike-n' if random_weights.model != 'alike-n' else 'alike-t'
    with pytest.raises(WeightsError, match=f'does not hold weights of {other}'):
        load_network(other, random_weights.path)


@pytest.mark.parametrize('content', [b'', b'not weights', b'PK\x03\x04broken'])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / 'alike-t.pth'
    path.write_bytes(content)
    with pytest.raises(WeightsError, match='alike models fetch alike-t'):
        load_network('alike-t', path)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    path = tmp_path / 'alike-t.pth'
    torch.save({'block1': Evil(tmp_path / 'ran')}, path)
    with pytest.raises(WeightsError):
        load_network('alike-t', path)
    assert not (tmp_path / 'ran').exists()


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


@pytest.mark.parametrize('name', ['cuda:77', 'gpu', 'cpu:x', ''])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(BackendError, match='Give auto, cpu, cuda'):
        open_device(name)
