"""Every backend gives what the dense form of the paper gives; which one is taken, and when not."""

import dataclasses
import logging
import sys
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip('torch')

import torch.nn.functional as F  # noqa: E402

from alike_ros.backends import base, windows  # noqa: E402
from alike_ros.backends.base import KNOWN, ON_CPU, choose, open_backend  # noqa: E402
from alike_ros.config import MODELS, ExtractorConfig  # noqa: E402
from alike_ros.detector import described_points, detect  # noqa: E402
from alike_ros.errors import BackendError, WeightsError  # noqa: E402
from alike_ros.evaluation.deviation import deviation, mean_inliers  # noqa: E402
from alike_ros.network import ALNet, load_network  # noqa: E402
from alike_ros.variants import VARIANTS, round_up  # noqa: E402
from alike_ros.weights import WeightsFile, find_weights  # noqa: E402

MODES = [
    {'top_k': 50},
    {'scores_th': 0.01, 'n_limit': 100},
    {'top_k': 50, 'sub_pixel': False},
    {'scores_th': 0.01, 'n_limit': 100, 'sub_pixel': False},
]
SIZES = [(64, 96), (75, 101), (33, 31), (20, 40), (7, 6)]


@pytest.fixture(params=sorted(ON_CPU))
def backend_name(request):
    for package in KNOWN[request.param][2]:
        pytest.importorskip(package)
    return request.param


@pytest.fixture(scope='module', params=MODELS)
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


@pytest.fixture(params=MODELS)
def official_weights(request, data, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    return find_weights(request.param)


def dense(weights, image, config):
    """Return detections, and descriptors sampled from the full map."""
    height, width = image.shape[:2]
    padded = np.zeros((round_up(height), round_up(width), 3), np.float32)
    padded[:height, :width] = image / np.float32(255)
    batch = torch.from_numpy(padded).permute(2, 0, 1)[None]
    with torch.inference_mode():
        score_map, descriptor_map = load_network(weights.model, weights.path)(batch)
    found = detect(score_map[0, 0, :height, :width].numpy().copy(), config)
    points = torch.from_numpy(described_points(found, config, (width, height)))
    descriptor_map = F.normalize(descriptor_map[:, :, :height, :width], dim=1)
    grid = points / torch.tensor([width - 1, height - 1]) * 2 - 1
    sampled = F.grid_sample(descriptor_map, grid[None, None], align_corners=True)[0, :, 0]
    return found, F.normalize(sampled, dim=0).T.numpy()


def assert_same(features, keypoints, scores, descriptors):
    """Compare by position: scores that differ by rounding only may change places."""
    assert len(features) == len(scores)
    if not len(scores):
        return
    distance = np.linalg.norm(features.keypoints[:, None] - keypoints, axis=2)
    nearest = distance.argmin(axis=1)
    assert len(set(nearest)) == len(scores)
    assert distance.min(axis=1).max() < 1e-3
    assert np.abs(features.scores - scores[nearest]).max() < 1e-4
    assert np.abs(features.descriptors - descriptors[nearest]).max() < 1e-4


def check_against_dense(backend, weights, images, config):
    for image, features in zip(images, backend.run(images, config), strict=True):
        found, descriptors = dense(weights, image, config)
        assert_same(features, found.keypoints, found.scores, descriptors)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('count', [1, 3])
def test_random_weights_give_the_dense_form(backend_name, random_weights, size, mode, count, rng):
    config = ExtractorConfig(
        model=random_weights.model, backend=backend_name, device='cpu', threads=1, **mode
    )
    images = list(rng.integers(0, 256, (count, *size, 3), np.uint8))
    check_against_dense(open_backend(config, random_weights), random_weights, images, config)


@pytest.fixture
def small_windows(monkeypatch):
    """Have every image computed in windows of 16 or 32 rows."""
    for name, pixels in (('WHOLE_PIXELS', 0), ('FINE_PIXELS', 0), ('HEAD_PIXELS', {1: 0, 0: 0})):
        monkeypatch.setattr(windows, name, pixels)


@pytest.mark.parametrize('size', [(75, 101), (7, 6), (250, 70)])
@pytest.mark.parametrize('mode', [MODES[0], MODES[3]])
@pytest.mark.parametrize('backend_name', ['openvino', 'onnx'], indirect=True)
def test_windows_of_rows_give_the_dense_form(
    backend_name, random_weights, size, mode, small_windows, rng
):
    config = ExtractorConfig(
        model=random_weights.model, backend=backend_name, device='cpu', threads=1, **mode
    )
    backend = open_backend(config, random_weights)
    for _ in range(2):
        images = list(rng.integers(0, 256, (2, *size, 3), np.uint8))
        check_against_dense(backend, random_weights, images, config)


@pytest.mark.parametrize('height', [32, 64, 96, 320, 1088])
@pytest.mark.parametrize('pixels', [0, 2**16, 2**30])
@pytest.mark.parametrize('halo', [0, 2, 8])
def test_windows_cover_every_row_once_with_what_it_depends_on(height, pixels, halo):
    covered = []
    for window in windows.windows(height, 640, pixels, halo):
        assert 0 <= window.top <= max(window.begin - halo, 0)
        assert min(window.end + halo, height) <= window.bottom <= height
        covered += range(window.begin, window.end)
    assert covered == list(range(height))


@pytest.mark.parametrize('mode', MODES)
def test_official_weights_give_the_dense_form(backend_name, official_weights, mode, photo):
    config = ExtractorConfig(
        model=official_weights.model, backend=backend_name, device='cpu', **mode
    )
    backend = open_backend(config, official_weights)
    for size in ((160, 224), (150, 201)):
        images = [photo[: size[0], : size[1]], photo[-size[0] :, -size[1] :]]
        check_against_dense(backend, official_weights, images, config)


@pytest.fixture
def photo(data):
    import cv2

    return cv2.imread(str(data / 'tum' / '1311868169.163498.png'))[120:360, :400, ::-1].copy()


def test_features_outlive_the_next_image(backend_name, random_weights, rng):
    config = ExtractorConfig(
        model=random_weights.model, backend=backend_name, device='cpu', top_k=50
    )
    backend = open_backend(config, random_weights)
    first, second = rng.integers(0, 256, (2, 70, 90, 3), np.uint8)
    [kept] = backend.run([first], config)
    copies = kept.keypoints.copy(), kept.scores.copy(), kept.descriptors.copy()
    backend.run([second], config)
    assert_same(kept, *copies)


def test_sizes_come_and_go(backend_name, random_weights, rng):
    """An image among others of other sizes gives what it gives alone: no pixel stays behind."""
    config = ExtractorConfig(
        model=random_weights.model, backend=backend_name, device='cpu', top_k=50
    )
    backend = open_backend(config, random_weights)
    image = rng.integers(0, 256, (50, 70, 3), np.uint8)
    [alone] = backend.run([image], config)
    for size in ((64, 96), (60, 80), (33, 33), (97, 64), (40, 130), (63, 95)):
        backend.run([rng.integers(0, 256, (*size, 3), np.uint8)], config)
    [again] = backend.run([image], config)
    assert_same(again, alone.keypoints, alone.scores, alone.descriptors)


def test_weights_of_another_variant_are_refused(backend_name, random_weights):
    other = 'alike-n' if random_weights.model != 'alike-n' else 'alike-t'
    config = ExtractorConfig(model=other, backend=backend_name, device='cpu')
    with pytest.raises(WeightsError, match=f'does not hold weights of {other}'):
        open_backend(config, WeightsFile(other, random_weights.path, ''))


@pytest.mark.parametrize('device', ['cuda:77', 'tpu', 'cpu:x', ''])
def test_a_device_that_is_not_there_is_named(backend_name, official_weights, device):
    config = ExtractorConfig(model=official_weights.model, backend=backend_name, device=device)
    with pytest.raises(BackendError, match='Give auto, cpu'):
        open_backend(config, official_weights)


@pytest.mark.parametrize(
    ('installed', 'device', 'cuda', 'chosen'),
    [
        (('openvino', 'onnx', 'torch'), 'auto', False, 'openvino'),
        (('openvino', 'onnx', 'torch'), 'cpu', True, 'openvino'),
        (('openvino', 'onnx', 'torch'), 'auto', True, 'torch'),
        (('openvino', 'onnx', 'torch'), 'cuda:1', True, 'torch'),
        (('openvino', 'onnx'), 'auto', True, 'openvino'),
        (('onnx', 'torch'), 'cpu', False, 'onnx'),
        (('torch',), 'cpu', False, 'torch'),
        ((), 'cuda', True, 'torch'),
        ((), 'gpu:1', False, 'openvino'),
    ],
)
def test_auto_takes_the_fastest_for_the_device(monkeypatch, installed, device, cuda, chosen):
    monkeypatch.setattr(
        base, 'installed_backends', lambda: [n for n in base.ON_CPU if n in installed]
    )
    monkeypatch.setattr(base, 'has_cuda', lambda: cuda)
    assert choose(device)[0] == chosen


def test_auto_says_what_it_took_and_why(official_weights, caplog):
    config = ExtractorConfig(model=official_weights.model, device='cpu')
    with caplog.at_level(logging.INFO, 'alike_ros'):
        backend = open_backend(config, official_weights)
    assert f'backend {backend.name}: the fastest on a CPU of those installed' in caplog.text


def test_without_any_library_the_command_to_install_one_is_named(monkeypatch):
    monkeypatch.setattr(base, 'installed_backends', list)
    with pytest.raises(BackendError, match=r'pip install alike_ros\[openvino\]'):
        choose('cpu')


def test_reduced_precision_stays_near_and_is_refused_where_it_is_not(
    backend_name, official_weights, photo
):
    model = official_weights.model
    exact = ExtractorConfig(model=model, backend=backend_name, device='cpu')
    for precision in ('bf16', 'fp16', 'int8'):
        reduced = dataclasses.replace(exact, precision=precision)
        try:
            backend = open_backend(reduced, official_weights)
        except BackendError as error:
            assert precision in str(error) and 'fp32' in str(error)
            continue
        features = backend.run([photo], exact)
        found = deviation(open_backend(exact, official_weights).run([photo], exact), features)
        assert 0.9 < found.count_ratio < 1.1
        assert found.near[1] > 0.8
        assert found.similarity > 0.99
        assert features[0].descriptors.dtype == np.float32


@pytest.mark.parametrize('precision', ['fp32', 'int8'])
def test_only_int8_computes_in_int8(official_weights, photo, precision):
    pytest.importorskip('openvino')
    model = official_weights.model
    config = ExtractorConfig(model=model, backend='openvino', device='cpu', precision=precision)
    backend = open_backend(config, official_weights)
    backend.run([photo], config)
    [request] = backend._requests.values()
    types = [
        operation.get_rt_info()['runtimePrecision'].value
        for operation in request.get_compiled_model().get_runtime_model().get_ops()
        if operation.get_rt_info()['layerType'].value == 'Convolution'
    ]
    from alike_ros.backends.quantised import has_vnni

    large = 7 + has_vnni() + (model == 'alike-l')
    assert sum(kind in ('u8', 'i8') for kind in types) == (large if precision == 'int8' else 0)


def test_int8_finds_nearly_the_same_keypoints(official_weights, data):
    pytest.importorskip('openvino')
    import cv2

    paths = sorted((data / 'kitti').glob('*.png'))[:2]
    images = [cv2.imread(str(path))[:, 300:900, ::-1].copy() for path in paths]
    exact = ExtractorConfig(model=official_weights.model, backend='openvino', device='cpu')
    kinds = [exact, dataclasses.replace(exact, precision='int8')]
    expected, features = (open_backend(kind, official_weights).run(images, kind) for kind in kinds)
    found = deviation(expected, features)
    assert 0.97 < found.count_ratio < 1.05
    assert found.near[0] > 0.35 and found.near[1] > 0.95
    assert found.similarity > 0.999
    assert mean_inliers(features) > mean_inliers(expected) - 0.02


def test_int8_in_windows_is_int8_of_the_whole(official_weights, photo, monkeypatch):
    pytest.importorskip('openvino')
    config = ExtractorConfig(
        model=official_weights.model, backend='openvino', device='cpu', precision='int8'
    )
    whole = open_backend(config, official_weights).run([photo], config)
    monkeypatch.setattr(windows, 'WHOLE_PIXELS', 0)
    monkeypatch.setattr(windows, 'FINE_PIXELS', 2**14)
    found = deviation(whole, open_backend(config, official_weights).run([photo], config))
    assert 0.98 < found.count_ratio < 1.02
    assert found.near[0] > 0.9
    assert found.similarity > 0.999


@pytest.mark.parametrize('vnni', [True, False])
def test_a_quantised_graph_keeps_its_face_and_a_third_of_its_size(
    official_weights, vnni, monkeypatch
):
    onnx = pytest.importorskip('onnx')
    quantised = pytest.importorskip('alike_ros.backends.quantised')
    from alike_ros.backends.graph import build_graph
    from alike_ros.layers import read_layers

    exact = build_graph(read_layers(official_weights.model, official_weights.path))
    before = exact.SerializeToString()
    monkeypatch.setattr(quantised, 'has_vnni', lambda: vnni)
    reduced = quantised.quantise(exact, quantised.activation_steps(exact))
    onnx.checker.check_model(reduced, full_check=True)
    assert exact.SerializeToString() == before
    assert list(reduced.graph.input) == list(exact.graph.input)
    assert list(reduced.graph.output) == list(exact.graph.output)
    kinds = [node.op_type for node in reduced.graph.node]
    large = 7 + vnni + (official_weights.model == 'alike-l')
    assert (kinds.count('QuantizeLinear'), kinds.count('DequantizeLinear')) == (large, 2 * large)
    assert reduced.ByteSize() < 0.45 * exact.ByteSize()


def test_tensorrt_that_is_not_there_is_named(official_weights, monkeypatch):
    config = ExtractorConfig(model=official_weights.model, backend='tensorrt')
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    monkeypatch.delitem(sys.modules, 'alike_ros.backends.tensorrt_backend', raising=False)
    with pytest.raises(BackendError, match=r'pip install alike_ros\[tensorrt\]'):
        open_backend(config, official_weights)


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'device': 'cpu'}, "cannot use the device 'cpu'"),
        ({'device': 'cuda:77'}, 'no such device'),
        ({'precision': 'int8'}, 'computes in fp32 or fp16, not in int8'),
    ],
)
def test_tensorrt_refuses_what_it_cannot_do(official_weights, monkeypatch, changed, message):
    pytest.importorskip('onnxruntime')
    monkeypatch.setitem(sys.modules, 'tensorrt', ModuleType('tensorrt'))
    monkeypatch.delitem(sys.modules, 'alike_ros.backends.tensorrt_backend', raising=False)
    config = ExtractorConfig(model=official_weights.model, backend='tensorrt', **changed)
    with pytest.raises(BackendError, match=message):
        open_backend(config, official_weights)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Keep what is compiled for a CPU on disk too, in a folder of the test."""
    openvino_backend = pytest.importorskip('alike_ros.backends.openvino_backend')
    monkeypatch.setattr(openvino_backend, 'SLOW_TO_COMPILE', {'CPU'})
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    return tmp_path / 'alike_ros' / 'openvino'


@pytest.mark.parametrize('damage', [b'', b'nonsense', None])
def test_a_broken_cache_heals_itself(cache, data, photo, damage):
    weights = find_weights('alike-t', str(data / 'models' / 'alike-t.pth'))
    config = ExtractorConfig(backend='openvino', device='cpu')
    [whole] = open_backend(config, weights).run([photo], config)
    [blob] = cache.rglob('*.blob')
    content = blob.read_bytes() if damage is None else damage
    blob.chmod(0o600)
    blob.write_bytes(content[: len(content) // 2])
    for _ in range(2):
        [again] = open_backend(config, weights).run([photo], config)
        assert_same(again, whole.keypoints, whole.scores, whole.descriptors)
    assert list(cache.rglob('*.blob'))


def test_a_cache_belongs_to_its_weights(cache, data, monkeypatch, photo):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    for model in ('alike-t', 'alike-s', 'alike-t'):
        config = ExtractorConfig(model=model, backend='openvino', device='cpu')
        open_backend(config, find_weights(model)).run([photo], config)
    assert len(list(cache.iterdir())) == 2
