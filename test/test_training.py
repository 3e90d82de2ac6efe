"""The training pipeline: exact geometry, the library's own detector, runs that go on exactly."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from alike_ros.config import DetectorConfig
from alike_ros.detector import LEAST_VARIANCE, VARIANCE_SHARE
from alike_ros.detector import detect as detect_by_library
from alike_ros.errors import ConfigError, DatasetError, WeightsError
from alike_ros.layers import read_layers
from alike_ros.network import ALNet, load_network
from alike_ros.variants import VARIANTS
from alike_ros.weights import sha256_of
from training import losses, photometry
from training.card import publish
from training.config import TrainingConfig, read_config
from training.detection import Keypoints, detect
from training.loop import train
from training.pairs import batch_at, make_pair, motion_at
from training.photos import read_photos
from training.run_folder import RunFolder
from training.sparse import describe, score_map
from training.train import main, parse
from training.trainee import learning_rate
from training.warps import Motion, project, random_homography, random_view, render

ROOT = Path(__file__).parents[1]
STILL = Motion(rotation=0.0, scale=1.0, tilt=0.0, shift=0.0)
TOY = TrainingConfig(
    crop=64,
    batch=1,
    keypoints=40,
    random_points=20,
    steps=6,
    warmup_steps=1,
    validate_every=2,
    validation_pairs=1,
    held_out=0.0,
    precision='fp32',
    threads=1,
    device='cpu',
)


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    """Three made photos with corners to find."""
    folder = tmp_path_factory.mktemp('photos')
    rng = np.random.default_rng(5)
    for number in range(3):
        image = np.full((200, 260, 3), 128, np.uint8)
        for x, y, width, height in rng.integers(4, 200, (60, 4)):
            colour = rng.integers(0, 256, 3).tolist()
            cv2.rectangle(image, (x, y), (x + width // 5, y + height // 5), colour, -1)
        cv2.imwrite(str(folder / f'{number}.png'), image)
    return folder


@pytest.fixture(scope='session')
def photo(folder):
    return read_photos(folder, 0.0).training[0]


def toy(folder, output, **changes):
    return replace(TOY, photos=str(folder), output=str(output), **changes)


def test_a_view_shows_the_photo_where_its_homography_says(photo, rng):
    view = random_view(rng, photo, 96, zoom=1.0)
    x, y = np.round(-view[:2, 2] / view[0, 0]).astype(int)
    exact = np.diag([1.0, 1.0, 1.0])
    exact[:2, 2] = -x, -y
    expected = photo.levels[0][y : y + 96, x : x + 96]
    assert np.array_equal(render(photo, exact, 96), expected)


def test_a_reduced_view_keeps_the_mean_of_fine_stripes(rng):
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 200
    folder_photo = _photo_of(stripes)
    view = np.diag([0.25, 0.25, 1.0])
    seen = render(folder_photo, view, 64)[8:-8, 8:-8]
    assert abs(seen.astype(int) - 100).max() <= 1


def test_partner_views_agree_through_their_homography(photo, rng):
    motion = Motion(rotation=40.0, scale=1.3, tilt=30.0, shift=0.05)
    pair = make_pair(rng, photo, 128, motion)
    warped = cv2.warpPerspective(pair.clean[0], pair.homography, (128, 128))
    mask = cv2.warpPerspective(np.full((128, 128), 255, np.uint8), pair.homography, (128, 128))
    inner = cv2.erode(mask, np.ones((9, 9))) == 255
    both = inner & pair.valid[1]
    blurred = [cv2.blur(image, (5, 5)).astype(int) for image in (warped, pair.clean[1])]
    assert both.sum() > 500
    assert np.median(abs(blurred[0] - blurred[1])[both]) <= 4


def test_no_motion_is_the_identity(rng):
    assert np.allclose(random_homography(rng, 64, STILL), np.eye(3), atol=1e-12)


def test_pairs_widen_with_the_steps():
    config = TrainingConfig(calm_share=0.0, widen_steps=100)
    early, late = (
        [motion_at(np.random.default_rng(seed), step, config) for seed in range(50)]
        for step in (0, 100)
    )
    assert all(a.tilt < b.tilt for a, b in zip(early, late, strict=True))
    assert max(motion.rotation for motion in late) > 90 > max(m.rotation for m in early)


@pytest.mark.parametrize('probability, effect', photometry.EFFECTS)
def test_an_effect_keeps_shape_type_and_place(probability, effect, rng):
    image = np.zeros((64, 64, 3), np.float32)
    image[31:34, 31:34] = 200
    out = effect(rng, image)
    assert out.shape == image.shape
    assert out.dtype == np.float32
    bright = out.mean(axis=2) - np.median(out.mean(axis=2))
    weights = np.clip(bright, 0.3 * bright.max(), None) - 0.3 * bright.max()
    centre = (np.indices(weights.shape) * weights).sum(axis=(1, 2)) / weights.sum()
    assert np.allclose(centre, 32, atol=0.75)


def test_a_batch_is_a_function_of_seed_and_step(folder):
    photos = read_photos(folder, 0.0).training
    one, same = (batch_at(3, photos, TOY) for _ in range(2))
    other = batch_at(4, photos, TOY)
    assert np.array_equal(one.seen, same.seen)
    assert not np.array_equal(one.seen, other.seen)


def test_photos_are_held_out_by_name(folder, tmp_path):
    some = read_photos(folder, 0.5)
    names = {photo.name for photo in some.held_out}
    (tmp_path / 'more').mkdir()
    for path in folder.iterdir():
        (tmp_path / 'more' / path.name).write_bytes(path.read_bytes())
    (tmp_path / 'new.png').write_bytes((folder / '0.png').read_bytes())
    assert names <= {photo.name for photo in read_photos(tmp_path, 0.5).held_out}


def test_a_folder_without_photos_is_named(tmp_path):
    with pytest.raises(DatasetError, match='has 0 photos'):
        read_photos(tmp_path, 0.1)


def test_keypoints_are_those_of_the_library(rng):
    scores = np.zeros((96, 96), np.float32)
    scores[8:90:8, 8:90:8] = rng.random((11, 11))
    scores = cv2.GaussianBlur(np.roll(scores, rng.integers(-2, 3, 2), (0, 1)), (0, 0), 1.0)
    ours = detect(torch.from_numpy(scores)[None, None], 30)
    theirs = detect_by_library(scores, DetectorConfig(top_k=30))
    nearest = torch.cdist(ours.points[0], torch.from_numpy(theirs.keypoints)).min(0)
    assert nearest.values.max() < 1e-3
    variances = LEAST_VARIANCE + VARIANCE_SHARE * ours.dispersities[0, nearest.indices] / 2
    assert np.allclose(variances.sqrt(), theirs.sigmas, atol=1e-3)


@pytest.mark.parametrize('model', ['alike-t', 'alike-l'])
def test_the_sparse_network_equals_the_dense_one(model):
    torch.manual_seed(3)
    network = ALNet(VARIANTS[model]).eval()
    image = torch.rand(1, 3, 64, 96)
    points = torch.tensor([[[0, 0], [95, 63], [10, 50], [31, 7]]])
    with torch.no_grad():
        scores, dense = network(image)
        levels = network.pyramid(image)
        rows = describe(network, levels, points.float())[0]
    expected = torch.nn.functional.normalize(
        dense[0, :, points[0, :, 1], points[0, :, 0]].T, dim=1
    )
    assert torch.allclose(rows, expected, atol=1e-4)
    assert torch.allclose(torch.sigmoid(score_map(network, levels)), scores, atol=1e-5)


def keypoints_at(points):
    points = torch.tensor(points, dtype=torch.float32)
    ones = torch.ones(points.shape[:2])
    return Keypoints(points, ones, ones, ones.bool())


def test_keypoints_correspond_where_the_homography_takes_them():
    shift = torch.eye(3).repeat(2, 1, 1)
    shift[0, 0, 2], shift[1, 0, 2] = 10, -10
    found = keypoints_at([[[20, 20], [30, 40], [60, 60]], [[31, 20], [40, 40], [20, 30]]])
    result = losses.correspond(found, shift, torch.ones(2, 80, 80, dtype=torch.bool))
    assert result.mutual.tolist() == [[True, True, False], [True, True, False]]
    assert result.visible.tolist() == [[True] * 3, [True] * 3]
    loss = losses.reprojection_loss(result, found).item()
    assert loss == pytest.approx(0.5, abs=1e-3)


def test_a_keypoint_outside_the_partner_is_not_visible():
    identity = torch.eye(3).repeat(2, 1, 1)
    valid = torch.ones(2, 80, 80, dtype=torch.bool)
    valid[1, :40] = False
    found = keypoints_at([[[20, 20], [20, 60]], [[20, 20], [20, 60]]])
    result = losses.correspond(found, identity, valid)
    assert result.visible.tolist() == [[False, True], [False, True]]


def test_right_descriptors_cost_less_than_wrong_ones():
    identity = torch.eye(3).repeat(2, 1, 1)
    found = keypoints_at([[[20, 20], [60, 60]]] * 2)
    result = losses.correspond(found, identity, torch.ones(2, 80, 80, dtype=torch.bool))
    right, nothing = torch.eye(2).repeat(2, 1, 1), torch.zeros(2, 0, 2)
    costs = []
    for true in (right, right.flip(1)):
        logits = losses.match_logits(result, found, right, true, nothing, nothing, 0.05)
        costs.append(losses.descriptor_loss(logits, result.visible).item())
    assert costs == pytest.approx([0, np.log(2)], abs=1e-3)


def test_reliability_moves_scores_against_each_other_only():
    logits = torch.tensor([[[5.0, 0.0], [0.0, 5.0]]])
    scores = torch.full((1, 2), 0.5, requires_grad=True)
    losses.reliability_loss(logits, scores, torch.ones(1, 2, dtype=torch.bool)).backward()
    assert scores.grad[0, 0] < 0 < scores.grad[0, 1]
    assert scores.grad.sum().item() == pytest.approx(0, abs=1e-5)


def test_the_teachers_own_score_map_costs_nothing():
    logits = torch.randn(2, 1, 8, 8)
    target = torch.sigmoid(logits)
    assert losses.score_loss(logits, target, 3.0).item() == pytest.approx(0, abs=1e-5)
    assert losses.score_loss(-logits, target, 3.0) > 0.1


def test_the_rate_rises_stays_and_falls():
    config = TrainingConfig(steps=1000, learning_rate=1.0, warmup_steps=100, decay_steps=200)
    rates = [learning_rate(step, config) for step in (0, 49, 99, 500, 800, 999)]
    assert rates[:5] == pytest.approx([0.01, 0.5, 1, 1, 1])
    assert rates[5] < 0.012


def test_the_loss_falls_and_the_weights_load_everywhere(folder, tmp_path):
    config = toy(folder, tmp_path / 'run', steps=60, validate_every=20, learning_rate=5e-3)
    train(config)
    run = RunFolder(tmp_path / 'run')
    rows = rows_of(run)
    assert [row['step'] for row in rows] == ['20', '40', '60']
    assert float(rows[-1]['descriptor']) < 0.9 * float(rows[0]['descriptor'])
    load_network('alike-t', run.weights)
    read_layers('alike-t', run.weights)


def rows_of(run):
    with run.log.open() as file:
        return list(csv.DictReader(file))


def test_fine_tuning_begins_with_the_weights_given(folder, tmp_path):
    train(toy(folder, tmp_path / 'first', steps=2))
    init = RunFolder(tmp_path / 'first').weights
    train(toy(folder, tmp_path / 'second', steps=1, init=str(init), learning_rate=0.0))
    before, after = (
        load_network('alike-t', path).state_dict()['block1.conv1.weight']
        for path in (init, RunFolder(tmp_path / 'second').latest)
    )
    assert torch.allclose(before, after, atol=1e-6)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(folder, tmp_path):
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    train(toy(folder, whole, steps=20))
    options = {'photos': folder, 'output': cut, 'steps': 1000}
    names = set(vars(TOY)) - set(options)
    defaults = vars(TrainingConfig())
    options |= {name: vars(TOY)[name] for name in names if vars(TOY)[name] != defaults[name]}
    command = [sys.executable, '-m', 'training.train']
    command += [f'--{name}={value}' for name, value in options.items()]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(command, env=environment) as process:
        while not (cut / 'checkpoint' / 'progress.json').exists():
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert RunFolder(cut).stored()['progress']['step'] < 20
    train(toy(folder, cut, steps=20))
    for name in ('network', 'average', 'moment1', 'moment2'):
        one, other = (torch.load(run / 'checkpoint' / f'{name}.pth') for run in (whole, cut))
        assert all(torch.equal(one[key], other[key]) for key in one), name
    assert [row['step'] for row in rows_of(RunFolder(cut))] == list(map(str, range(2, 21, 2)))


@pytest.mark.parametrize('interrupted', ['append', 'save'])
def test_a_run_killed_while_it_keeps_its_state_loses_no_line(
    folder, tmp_path, monkeypatch, interrupted
):
    train(toy(folder, tmp_path / 'whole', steps=6))
    train(toy(folder, tmp_path / 'cut', steps=2))
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, interrupted, interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(toy(folder, tmp_path / 'cut', steps=4))
    train(toy(folder, tmp_path / 'cut', steps=6))
    whole, cut = (rows_of(RunFolder(tmp_path / name)) for name in ('whole', 'cut'))
    assert [row['step'] for row in cut] == ['2', '4', '6']
    assert [row['descriptor'] for row in cut] == [row['descriptor'] for row in whole]


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_run_killed_before_its_first_line_was_written_goes_on(folder, tmp_path):
    train(toy(folder, tmp_path, steps=2))
    RunFolder(tmp_path).log.write_text('')
    train(toy(folder, tmp_path, steps=4))
    assert [row['step'] for row in rows_of(RunFolder(tmp_path))] == ['4']


def test_a_run_is_published_with_its_card_and_can_be_continued(folder, tmp_path, monkeypatch):
    train(toy(folder, tmp_path / 'run', steps=4))
    monkeypatch.setattr('training.compare.table', lambda *arguments: '| the | table |\n')
    run = RunFolder(tmp_path / 'run')
    card = publish(run, run, tmp_path, tmp_path)
    text = card.read_text()
    assert '| the | table |' in text
    assert 'crop 64' in text
    assert str(tmp_path) not in text
    read_layers('alike-t', tmp_path / 'models' / 'builtin-alike-t.pth')
    assert cv2.imread(str(tmp_path / 'models' / 'builtin-alike-t.png')) is not None
    continued = tmp_path / 'training' / 'checkpoints' / 'alike-t'
    assert str(tmp_path) not in (continued / 'checkpoint' / 'progress.json').read_text()
    assert train(toy(folder, continued, steps=5)).step == 5


def test_a_run_killed_between_two_renamings_goes_on_from_the_checkpoint_before(folder, tmp_path):
    train(toy(folder, tmp_path, steps=2))
    (tmp_path / 'checkpoint').rename(tmp_path / 'checkpoint.old')
    assert RunFolder(tmp_path).stored()['progress']['step'] == 2
    assert train(toy(folder, tmp_path, steps=3)).step == 3


def test_a_damaged_checkpoint_is_named(folder, tmp_path):
    train(toy(folder, tmp_path, steps=1))
    (tmp_path / 'checkpoint' / 'moment1.pth').write_bytes(b'')
    with pytest.raises(WeightsError, match='no checkpoint'):
        train(toy(folder, tmp_path, steps=2))


def test_options_come_before_the_file_and_the_file_before_defaults(tmp_path):
    file = tmp_path / 'run.yaml'
    file.write_text('model: alike-n\nbatch: 2\n')
    config = parse(['--config', str(file), '--batch', '3'])
    assert (config.model, config.batch, config.crop) == ('alike-n', 3, TrainingConfig().crop)


def test_an_unknown_parameter_in_the_file_is_named(tmp_path):
    file = tmp_path / 'run.yaml'
    file.write_text('bacth: 2\n')
    with pytest.raises(ConfigError, match='bacth'):
        read_config(file)


def test_the_command_says_what_is_missing(capsys):
    assert main([]) == 2
    assert 'photos' in capsys.readouterr().err


@pytest.mark.parametrize('path', sorted((ROOT / 'training' / 'configs').glob('*.yaml')))
def test_a_configuration_that_is_shipped_can_be_read(path):
    assert parse(['--config', str(path)]).model == path.stem


@pytest.mark.parametrize('path', sorted((ROOT / 'models').glob('builtin-*.pth')))
def test_built_in_weights_load_without_torch_and_have_their_card(path):
    model = path.stem.removeprefix('builtin-')
    read_layers(model, path)
    assert path.stat().st_size < 3e6
    assert sha256_of(path) in path.with_suffix('.md').read_text()
    assert path.with_suffix('.png').is_file()


def _photo_of(image):
    from training.photos import Photo

    levels = [image]
    for _ in range(3):
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return Photo('made', levels, np.zeros((image.shape[0] // 8, image.shape[1] // 8), np.float32))


def test_a_homography_and_its_inverse_cancel(rng):
    homography = random_homography(rng, 64, Motion(90.0, 2.0, 50.0, 0.1))
    points = rng.uniform(16, 48, (10, 2))
    back = project(np.linalg.inv(homography), project(homography, points))
    assert np.allclose(back, points)
