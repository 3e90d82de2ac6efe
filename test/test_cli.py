"""`alike`: how it starts, what it prints, how it fails; `alike demo` from flags to files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from alike_ros.cli import main as cli
from alike_ros.config_files import render_markdown, render_yaml
from alike_ros.errors import DatasetError


@pytest.fixture
def folder(tmp_path, rng):
    """Six images of a texture that moves by 4 px."""
    path = tmp_path / 'images'
    path.mkdir()
    noise = rng.integers(0, 256, (40, 60), np.uint8)
    canvas = cv2.resize(noise, (480, 320), interpolation=cv2.INTER_CUBIC)
    for i in range(6):
        cv2.imwrite(str(path / f'{i:03}.png'), canvas[:160, 4 * i : 4 * i + 224])
    return path


@pytest.fixture
def models(data, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))


def test_help_names_every_command_without_torch_or_opencv():
    code = (
        'import sys; from alike_ros.cli.main import build_parser; '
        'print(build_parser([]).format_help()); '
        'sys.exit(any(name in sys.modules for name in ("torch", "cv2", "rclpy")))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in cli.COMMANDS)


def test_errors_are_one_line_and_exit_code_2(capsys, tmp_path):
    assert cli.main(['demo', str(tmp_path / 'nowhere'), '--no_display']) == 2
    message = capsys.readouterr().err
    assert message.startswith('alike: ') and 'nowhere' in message
    assert message.count('\n') == 1


@pytest.mark.parametrize('error', [DatasetError('two\nlines'), OSError(28, 'disk full')])
def test_library_and_system_errors_end_in_the_same_place(monkeypatch, capsys, error):
    monkeypatch.setattr('alike_ros.cli.parameters.run', lambda args: (_ for _ in ()).throw(error))
    assert cli.main(['parameters', 'yaml']) == 2
    assert capsys.readouterr().err.count('\n') == 1


def test_an_interrupt_is_quiet_and_exit_code_130(monkeypatch, capsys):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr('alike_ros.cli.parameters.run', interrupted)
    assert cli.main(['parameters', 'yaml']) == 130
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('form, render', [('yaml', render_yaml), ('markdown', render_markdown)])
def test_parameters_prints_the_generated_files(capsys, form, render):
    assert cli.main(['parameters', form]) == 0
    assert capsys.readouterr().out == render()


def test_demo_has_the_flags_and_defaults_of_the_original():
    parse = cli.build_parser(['demo']).parse_args
    args = parse(['demo', 'images'])
    assert (args.input, args.model, args.top_k) == ('images', 'alike-t', -1)
    assert (args.scores_th, args.n_limit, args.sub_pixel) == (0.2, 5000, True)
    assert not args.no_display and args.device == 'auto'
    values = ['--model', 'alike-l', '--device', 'cpu', '--top_k', '5', '--scores_th', '0.5']
    switches = ['--n_limit', '9', '--no_display', '--no_sub_pixel']
    args = parse(['demo', 'images', *values, *switches])
    assert (args.model, args.device, args.top_k) == ('alike-l', 'cpu', 5)
    assert (args.scores_th, args.n_limit, args.sub_pixel) == (0.5, 9, False)


def test_a_value_out_of_range_is_refused_before_anything_starts(capsys, folder):
    assert cli.main(['demo', str(folder), '--scores_th', '2']) == 2
    assert 'scores_th must lie in [0.0, 1.0]' in capsys.readouterr().err


def test_demo_writes_a_movie_and_its_numbers(models, folder, tmp_path, capsys):
    output = tmp_path / 'out'
    flags = ['--device', 'cpu', '--no_display', '--output', str(output)]
    assert cli.main(['demo', str(folder), *flags]) == 0
    movie = cv2.VideoCapture(str(output / 'tracks.mp4'))
    pictures = [picture for ok, picture in iter(movie.read, (False, None)) if ok]
    assert len(pictures) == 6 and pictures[0].shape == (160, 224, 3)
    summary = json.loads((output / 'summary.json').read_text())
    assert summary['frames'] == 6 and summary['keypoints_per_frame'] > 20
    assert summary['mean_track_length'] > 2 and summary['fps'] > 0
    assert 'mean track length' in capsys.readouterr().out


@pytest.mark.parametrize('name', ['name.mp4', 'name.gif'])
def test_demo_takes_a_file_name_for_the_movie(models, folder, tmp_path, name):
    movie = tmp_path / 'some' / name
    look = ['--width', '160', '--every', '2', '--fps', '10']
    assert cli.main(['demo', str(folder), '--no_display', '--output', str(movie), *look]) == 0
    read = cv2.VideoCapture(str(movie))
    pictures = [picture for ok, picture in iter(read.read, (False, None)) if ok]
    assert [picture.shape[1] for picture in pictures] == [160] * 3
    assert movie.stat().st_size > 0 and movie.with_suffix('.json').is_file()


def test_demo_leaves_out_a_damaged_image_and_goes_on(models, folder, tmp_path):
    (folder / '003.png').write_bytes((folder / '003.png').read_bytes()[:200])
    assert cli.main(['demo', str(folder), '--no_display', '--output', str(tmp_path / 'o')]) == 0
    assert json.loads((tmp_path / 'o' / 'summary.json').read_text())['frames'] == 5


def test_without_a_screen_the_demo_says_so_once_and_goes_on(models, folder, monkeypatch, capsys):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(sys, 'platform', 'linux')
    assert cli.main(['demo', str(folder)]) == 0
    assert capsys.readouterr().err.count('No window: there is no screen') == 1


def test_an_output_closed_early_is_no_error():
    alike = [sys.executable, '-m', 'alike_ros.cli.main', 'parameters', 'markdown']
    shell = shutil.which('bash')
    command = f'{" ".join(alike)} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}'
    root = Path(cli.__file__).parents[2]
    done = subprocess.run([shell, '-c', command], capture_output=True, cwd=root)
    assert (done.returncode, done.stderr) == (0, b'')
