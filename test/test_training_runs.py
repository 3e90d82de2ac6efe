"""Training runs: they begin with a file or options, go on exactly, and are published."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from alike_ros.errors import ConfigError, WeightsError
from alike_ros.layers import read_layers
from alike_ros.network import load_network
from alike_ros.weights import sha256_of
from training.card import publish
from training.config import TrainingConfig, read_config
from training.loop import train
from training.run_folder import RunFolder
from training.train import main, parse

ROOT = Path(__file__).parents[1]
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


def toy(folder, output, **changes):
    return replace(TOY, photos=str(folder), output=str(output), **changes)


def test_the_loss_falls_and_the_weights_load_everywhere(photo_folder, tmp_path):
    config = toy(photo_folder, tmp_path / 'run', steps=60, validate_every=20, learning_rate=5e-3)
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


def test_fine_tuning_begins_with_the_weights_given(photo_folder, tmp_path):
    train(toy(photo_folder, tmp_path / 'first', steps=2))
    init = RunFolder(tmp_path / 'first').weights
    train(toy(photo_folder, tmp_path / 'second', steps=1, init=str(init), learning_rate=0.0))
    before, after = (
        load_network('alike-t', path).state_dict()['block1.conv1.weight']
        for path in (init, RunFolder(tmp_path / 'second').latest)
    )
    assert torch.allclose(before, after, atol=1e-6)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(photo_folder, tmp_path):
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    train(toy(photo_folder, whole, steps=20))
    options = {'photos': photo_folder, 'output': cut, 'steps': 1000}
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
    train(toy(photo_folder, cut, steps=20))
    for name in ('network', 'average', 'moment1', 'moment2'):
        one, other = (torch.load(run / 'checkpoint' / f'{name}.pth') for run in (whole, cut))
        assert all(torch.equal(one[key], other[key]) for key in one), name
    assert [row['step'] for row in rows_of(RunFolder(cut))] == list(map(str, range(2, 21, 2)))


@pytest.mark.parametrize('interrupted', ['append', 'save'])
def test_a_run_killed_while_it_keeps_its_state_loses_no_line(
    photo_folder, tmp_path, monkeypatch, interrupted
):
    train(toy(photo_folder, tmp_path / 'whole', steps=6))
    train(toy(photo_folder, tmp_path / 'cut', steps=2))
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, interrupted, interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(toy(photo_folder, tmp_path / 'cut', steps=4))
    train(toy(photo_folder, tmp_path / 'cut', steps=6))
    whole, cut = (rows_of(RunFolder(tmp_path / name)) for name in ('whole', 'cut'))
    assert [row['step'] for row in cut] == ['2', '4', '6']
    assert [row['descriptor'] for row in cut] == [row['descriptor'] for row in whole]


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_run_killed_before_its_first_line_was_written_goes_on(photo_folder, tmp_path):
    train(toy(photo_folder, tmp_path, steps=2))
    RunFolder(tmp_path).log.write_text('')
    train(toy(photo_folder, tmp_path, steps=4))
    assert [row['step'] for row in rows_of(RunFolder(tmp_path))] == ['4']


def test_a_run_is_published_with_its_card_and_can_be_continued(
    photo_folder, tmp_path, monkeypatch
):
    train(toy(photo_folder, tmp_path / 'run', steps=4))
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
    assert train(toy(photo_folder, continued, steps=5)).step == 5


def test_a_run_killed_between_two_renamings_goes_on_from_the_checkpoint_before(
    photo_folder, tmp_path
):
    train(toy(photo_folder, tmp_path, steps=2))
    (tmp_path / 'checkpoint').rename(tmp_path / 'checkpoint.old')
    assert RunFolder(tmp_path).stored()['progress']['step'] == 2
    assert train(toy(photo_folder, tmp_path, steps=3)).step == 3


def test_a_damaged_checkpoint_is_named(photo_folder, tmp_path):
    train(toy(photo_folder, tmp_path, steps=1))
    (tmp_path / 'checkpoint' / 'moment1.pth').write_bytes(b'')
    with pytest.raises(WeightsError, match='no checkpoint'):
        train(toy(photo_folder, tmp_path, steps=2))


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
