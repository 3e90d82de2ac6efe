"""`alike bench`: what it counts, whom it compares, what it says; no claims about speed."""

import json
import math
import mmap
import os

import cv2
import numpy as np
import pytest

from alike_ros.backends.base import installed_backends
from alike_ros.benchmark import process, statistics, table
from alike_ros.benchmark.cases import NO_IMAGES, Plan, cases
from alike_ros.benchmark.comparison import compare
from alike_ros.benchmark.contestant import Case, Contestant, Outputs
from alike_ros.benchmark.floor import convolution, dense_work, sparse_work
from alike_ros.benchmark.images import batch_of, image_of, parse_size, texture
from alike_ros.benchmark.pairing import matchers
from alike_ros.benchmark.plot import draw
from alike_ros.benchmark.record import case_record
from alike_ros.benchmark.report import render_markdown, update_section
from alike_ros.benchmark.rounds import Result, Sample, run_case
from alike_ros.cli import main as cli
from alike_ros.config import MODELS
from alike_ros.errors import BackendError, ConfigError
from alike_ros.extractor import Extractor
from alike_ros.stages import measured_stages, stage
from alike_ros.variants import VARIANTS

SIZE = (160, 96)
CEILING = (1e11, 1e10)  # FLOP/s, byte/s

DESCRIPTOR_TOLERANCE = 1.7e-5  # of any element, as float32 sums in another order deviate


@pytest.fixture
def models(data, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))


def extraction(batch=1, original=None, backends=('torch',)):
    plan = Plan(('alike-t',), backends, (SIZE,), (batch,), 1, original=original)
    return next(cases(plan))


def small_matching():
    return Case('matching', NO_IMAGES, matchers(60, 8), 'numpy', ('numpy',), 1)


# What is counted


def test_a_convolution_counts_as_by_hand():
    layer = convolution('first', inputs=3, outputs=8, kernel=3, pixels=10)
    assert layer.flops == 2 * 10 * 8 * 3 * 9
    assert layer.bytes == 4 * (10 * 3 + 10 * 8 + 3 * 8 * 9)


@pytest.mark.parametrize('model', MODELS)
def test_convolutions_of_the_dense_form_count_as_the_network_runs_them(model):
    torch = pytest.importorskip('torch')
    from alike_ros.benchmark.floor import _dense_head, encoder
    from alike_ros.network import ALNet

    counted = 0

    def count(module, inputs, output):
        nonlocal counted
        counted += 2 * output.numel() * module.weight[0].numel()

    network = ALNet(VARIANTS[model])
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 96))
    variant, size = VARIANTS[model], (90, 64)  # padded to 96
    layers = [*encoder(variant, size), *_dense_head(variant, size)]
    others = ('pool', 'upsample', 'normalise')
    assert counted == sum(x.flops for x in layers if not x.name.startswith(others))


@pytest.mark.parametrize(
    ('model', 'sparse', 'dense'),
    [
        ('alike-t', 1.4, 4.1),
        ('alike-s', 1.7, 7.7),
        ('alike-n', 5.2, 15.7),
        ('alike-l', 22, 39),
    ],
)
def test_floors_are_those_of_the_design(model, sparse, dense):
    assert sparse_work(model, (640, 480), 0).flops / 1e9 == pytest.approx(sparse, rel=0.06)
    assert dense_work(model, (640, 480)).flops / 1e9 == pytest.approx(dense, rel=0.05)


def test_keypoints_cost_descriptors_and_nothing_else():
    none, some = (sparse_work('alike-t', (640, 480), count) for count in (0, 1000))
    assert some.flops - none.flops == 4000 * (2 * 64 * 64 + 8 * 64)


# What is compared


def test_outputs_are_compared_by_place_not_by_order(rng):
    keypoints = rng.uniform(0, 640, (50, 2)).astype(np.float32)
    descriptors = rng.normal(size=(50, 4)).astype(np.float32)
    order = rng.permutation(50)
    moved = keypoints[order].copy()
    moved[:5] += 0.01
    other = descriptors[order] + np.float32(1e-3)
    found = compare([Outputs(moved, other)], [Outputs(keypoints, descriptors)])
    assert found.equal == 0.9
    assert found.descriptor_difference == pytest.approx(1e-3, rel=1e-3)
    assert (found.keypoints, found.reference_keypoints) == (50, 50)


def test_nothing_beside_nothing_has_no_share():
    nothing = Outputs(np.zeros((0, 2), np.float32), np.zeros((0, 4), np.float32))
    found = compare([nothing], [nothing])
    assert math.isnan(found.equal) and math.isnan(found.descriptor_difference)


@pytest.mark.parametrize('batch', [1, 2])
def test_every_backend_gives_what_the_dense_form_gives(models, batch):
    case = extraction(batch, backends=tuple(installed_backends()))
    results = run_case(case, rounds=1)
    assert [result.failure for result in results] == [''] * len(results)
    for result in results:
        assert len(result.outputs) == batch
        assert result.comparison.keypoints == result.comparison.reference_keypoints > 10
        assert result.comparison.equal == 1
        assert result.comparison.descriptor_difference < DESCRIPTOR_TOLERANCE


def test_matchers_find_the_same_pairs():
    for result in run_case(small_matching(), rounds=1):
        assert result.comparison.equal == 1
        assert result.comparison.keypoints == result.comparison.reference_keypoints > 20


# Who takes part

ORIGINAL = """
import os
import numpy as np
from torchvision.models import resnet
from torchvision.transforms import ToTensor

configs = {'alike-t': {'c1': 8, 'model_path': ''}}

class ALike:
    calls = 0

    def __init__(self, c1, model_path, device, top_k, scores_th, n_limit):
        assert resnet.conv3x3(3, c1).weight.shape == (c1, 3, 3, 3)
        assert resnet.conv1x1(3, c1).bias is None
        assert model_path.endswith('alike-t.pth') and (top_k, scores_th) == (-1, 0.2)

    def __call__(self, image, sub_pixel):
        print('as the original does')
        self.calls += 1
        if self.calls > CALLS:
            os._exit(3)
        kept = float('MALLOC_TRIM_THRESHOLD_' in os.environ)
        return {'keypoints': np.array([[kept, 2.0]], 'f4'), 'descriptors': np.ones((1, 4), 'f4')}
"""


@pytest.fixture
def original(tmp_path, models, monkeypatch):
    """Write a folder with the interface of the original code, which ends after some calls."""
    pytest.importorskip('torch')
    monkeypatch.delenv('MALLOC_TRIM_THRESHOLD_', raising=False)

    def write(calls):
        (tmp_path / 'alike.py').write_text(ORIGINAL.replace('CALLS', str(calls)))
        for name in ('alnet.py', 'soft_detect.py'):
            (tmp_path / name).write_text('')
        return tmp_path

    return write


def test_the_original_runs_as_shipped_and_with_its_memory_kept(original):
    case = extraction(original=original(calls=1000))
    assert case.baselines == ('dense', 'original', 'original, memory kept')
    shipped, kept = run_case(case, rounds=1)[-2:]
    assert shipped.comparison.equal == 1
    assert kept.outputs[0].keypoints.tolist() == [[1.0, 2.0]]


def test_a_contestant_that_ends_is_named(original):
    case = extraction(original=original(calls=4))
    with pytest.raises(BackendError, match='original ended: exit code 3'):
        run_case(case, rounds=1)


def test_what_cannot_start_is_left_out_and_said(tmp_path):
    absent = Contestant('absent', 'peer', {'name': 'xfeat', 'folder': str(tmp_path)})
    orb = Contestant('orb', 'peer', {'name': 'orb'})
    case = Case('peers', batch_of(texture(SIZE), 1), (orb, absent), 'orb', ('orb',), 1)
    record = case_record(case, run_case(case, rounds=1), CEILING)
    assert 'absent left out:' in table.text_table(record)
    assert 'no modules/xfeat.py' in table.text_table(record)


@pytest.mark.parametrize('name', ['orb', 'sift', 'akaze', 'gftt+klt'])
def test_peers_of_opencv_find_points_and_stand_an_empty_image(name):
    from alike_ros.benchmark.peers import open_peer

    extract = open_peer(name)
    found, nothing = extract([texture(SIZE), np.zeros((96, 160, 3), np.uint8)])
    assert len(found.keypoints) > 10 and len(nothing.keypoints) == 0


# What is made of samples


def result(label, *samples):
    return Result(
        Contestant(label, 'alike_ros'),
        [Sample(seconds, {}, waited) for seconds, waited in samples],
    )


def test_ratios_pair_the_rounds_in_which_both_had_a_core():
    base = result('base', (2.0, False), (9.0, True), (4.0, False))
    fast = result('fast', (1.0, False), (1.0, False), (1.0, False))
    ratios = statistics.ratios(fast, base)
    assert (ratios.median, ratios.count) == (3.0, 2)
    assert (statistics.times(base).median, statistics.disturbed(base)) == (3.0, 1)


def test_when_every_frame_was_disturbed_all_count():
    base = result('base', (2.0, True), (4.0, True))
    assert statistics.times(base).median == 3.0
    assert statistics.ratios(base, base).median == 1.0


def test_the_rest_of_the_stages_is_the_network():
    one = Result(
        Contestant('one', 'alike_ros'), [Sample(1.0, {'detect': 0.25, 'copy': 0.25}, False)]
    )
    assert statistics.stages(one) == {'detect': 0.25, 'copy': 0.25, 'network': 0.5}
    assert statistics.stages(result('none', (1.0, False))) == {}


def test_stages_are_measured_only_when_asked_for(models):
    pytest.importorskip('torch')
    image = texture(SIZE)
    with Extractor(device='cpu') as extractor:
        extractor.extract(image)
        with measured_stages() as stages:
            extractor.extract(image)
        measured = dict(stages)
        extractor.extract(image)
    assert {'prepare', 'detect'} <= set(measured)
    assert all(seconds > 0 for seconds in measured.values())
    assert stages == measured


def test_a_stage_that_fails_still_counts():
    @stage('broken')
    def fail():
        raise BackendError('no')

    with measured_stages() as stages, pytest.raises(BackendError):
        fail()
    assert 'broken' in stages


@pytest.mark.skipif(not os.path.exists('/proc/self/schedstat'), reason='not Linux')
def test_the_peak_of_memory_begins_anew():
    process.restart_peak()
    before = process.peak_bytes()
    with mmap.mmap(-1, 64 << 20) as memory:
        for _ in range(64):
            memory.write(b'\1' * (1 << 20))
    assert process.peak_bytes() - before > 50e6
    process.restart_peak()
    assert process.peak_bytes() < before + 50e6
    assert process.waited_s() >= 0


# What is shown


@pytest.fixture(scope='module')
def record():
    case = small_matching()
    return case_record(case, run_case(case, rounds=2), CEILING)


def test_a_table_has_a_line_for_each(record):
    lines = table.text_table(record).splitlines()
    assert lines[0] == 'matching'
    assert [line.split()[0] for line in lines[2:5]] == ['alike_ros', 'numpy', 'opencv']
    assert '100.00' in lines[2]


def test_a_section_replaces_itself_and_leaves_the_page_alone(tmp_path):
    page = tmp_path / 'results.md'
    page.write_text('# Results\n')
    update_section(page, 'first\n')
    page.write_text(page.read_text() + '\n## Later\n')
    update_section(page, 'second\n')
    text = page.read_text()
    assert text.startswith('# Results\n') and text.endswith('\n## Later\n')
    assert 'second' in text and 'first' not in text


def test_a_picture_shows_every_case(record):
    picture = draw([record, record])
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    assert picture.min() < 100


def test_a_texture_has_corners_and_never_changes():
    image = texture((320, 240))
    assert image.shape == (240, 320, 3) and image.dtype == np.uint8
    assert np.array_equal(image, texture((320, 240)))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert len(cv2.goodFeaturesToTrack(grey, 1000, 0.01, 5)) > 300


def test_an_image_keeps_its_size_unless_one_is_given(tmp_path):
    path = tmp_path / 'grey.png'
    cv2.imwrite(str(path), texture((50, 40))[:, :, 0])
    assert image_of(path, None).shape == (40, 50, 3)
    assert image_of(path, (32, 64)).shape == (64, 32, 3)


@pytest.mark.parametrize('text', ['640', '640x', 'x480', '0x480', '-1x5', '640x480x3'])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match='such as 640x480'):
        parse_size(text)


def test_the_command_prints_tables_and_keeps_the_figures(models, data, tmp_path, capsys):
    pytest.importorskip('torch')
    kept = {name: tmp_path / f'figures.{name}' for name in ('json', 'markdown', 'png')}
    files = ['--json', kept['json'], '--markdown', kept['markdown'], '--plot', kept['png']]
    chosen = ['--backends', 'torch', '--sizes', '160x96', '--no_matching', '--threads', '1']
    chosen += ['--deviation', str(data / 'tum')]
    arguments = ['bench', '--quick', '--rounds', '1', *chosen, *map(str, files)]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert 'alike-t, 160x96' in printed and 'GFLOP' in printed
    report = json.loads(kept['json'].read_text())
    torch, dense = report['cases'][0]['contestants']
    assert torch['equal'] == dense['equal'] == 1
    assert set(torch['stages_ms']) == {'prepare', 'copy', 'network', 'detect', 'describe'}
    assert '| alike-t | torch | bf16 |' in printed and report['deviation'] in printed
    assert len(report['header']['weights_sha256']['alike-t']) == 64
    assert render_markdown(report) in kept['markdown'].read_text()
    assert cv2.imread(str(kept['png'])) is not None


@pytest.mark.parametrize(
    'wrong',
    ['--rounds 0', '--batches 0', '--sizes big', '--weights x --models alike-t alike-s'],
)
def test_options_that_cannot_be_are_refused(wrong, capsys):
    assert cli.main(['bench', *wrong.split()]) == 2
    assert capsys.readouterr().err.startswith('alike: ')
