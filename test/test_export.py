"""`alike export`: files that say what they are and compute what the network computes."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from alike_ros.cli import main as cli
from alike_ros.config import MODELS
from alike_ros.extractor import Extractor
from alike_ros.layers import read_layers
from alike_ros.resources import version
from alike_ros.variants import LEVEL_STRIDES
from alike_ros.weights import MANIFEST

onnx = pytest.importorskip('onnx')
ort = pytest.importorskip('onnxruntime')
ov = pytest.importorskip('openvino')

from alike_ros.backends.graph import build_graph  # noqa: E402


@pytest.fixture(autouse=True)
def models(data, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))


@pytest.mark.parametrize('model', MODELS)
@pytest.mark.parametrize('suffix', ['.onnx', '.xml'])
def test_a_file_is_checked_before_it_gets_its_name(model, suffix, tmp_path, capsys):
    pytest.importorskip('torch')
    path = tmp_path / 'new' / f'{model}{suffix}'
    assert cli.main(['export', model, str(path)]) == 0
    assert 'equal to torch on a random image' in capsys.readouterr().out
    expected = {'.onnx': {path}, '.xml': {path, path.with_suffix('.bin')}}
    assert set(path.parent.iterdir()) == expected[suffix]


def test_an_onnx_file_says_what_it_is_and_is_valid(tmp_path):
    path = tmp_path / 'alike-s.onnx'
    assert cli.main(['export', 'alike-s', str(path)]) == 0
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == about('alike-s')
    assert model.opset_import[0].version == int(about('alike-s')['opset'])


def test_an_openvino_file_says_what_it_is(tmp_path):
    path = tmp_path / 'alike-s.xml'
    assert cli.main(['export', 'alike-s', str(path)]) == 0
    model = ov.Core().read_model(path)
    for name, value in about('alike-s').items():
        assert model.get_rt_info(name).value == value


def about(model):
    return {
        'model': model,
        'weights_sha256': MANIFEST[model].sha256,
        'opset': '18',
        'alike_ros_version': version(),
    }


@pytest.mark.parametrize('shape', [(1, 32, 32), (1, 96, 64), (3, 64, 160)])
def test_batch_height_and_width_are_open(tmp_path, rng, shape):
    batch = rng.integers(0, 256, (*shape, 3), np.uint8)
    for suffix in ('.onnx', '.xml'):
        assert cli.main(['export', 'alike-t', str(tmp_path / f'alike-t{suffix}')]) == 0
    session = ort.InferenceSession(tmp_path / 'alike-t.onnx', providers=['CPUExecutionProvider'])
    compiled = ov.Core().compile_model(
        tmp_path / 'alike-t.xml', 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'}
    )
    names = [output.name for output in session.get_outputs()]
    assert names == ['score', 'level1', 'level2', 'level3', 'level4', 'descriptors']
    results = compiled(batch)
    for name, values in zip(names[:5], session.run(names[:5], {'image': batch}), strict=True):
        stride = {'level2': 2, 'level3': 8, 'level4': 32}.get(name, 1)
        assert values.shape[:3] == (shape[0], shape[1] // stride, shape[2] // stride)
        assert np.allclose(values, results[name], atol=1e-4)


def test_without_torch_the_other_runtime_is_the_reference(tmp_path, capsys, monkeypatch):
    from alike_ros import export

    found = export.find_spec
    monkeypatch.setattr(export, 'find_spec', lambda name: name != 'torch' and found(name))
    assert cli.main(['export', 'alike-t', str(tmp_path / 'a.onnx')]) == 0
    assert cli.main(['export', 'alike-t', str(tmp_path / 'a.xml')]) == 0
    out = capsys.readouterr().out
    assert 'equal to openvino' in out and 'equal to onnxruntime' in out


def test_a_file_that_computes_something_else_is_not_kept(tmp_path, capsys, monkeypatch):
    from alike_ros import export

    path = tmp_path / 'alike-t.onnx'
    pytest.importorskip('torch')
    path.write_text('the older file')
    right = export._run_torch
    monkeypatch.setattr(export, '_run_torch', lambda *given: [1.01 * x for x in right(*given)])
    assert cli.main(['export', 'alike-t', str(path)]) == 2
    assert 'deviates from torch' in capsys.readouterr().err
    assert path.read_text() == 'the older file'
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_missing_is_named(tmp_path, capsys, monkeypatch):
    assert cli.main(['export', 'alike-t', str(tmp_path / 'alike-t.bin'), '--format', 'onnx']) == 2
    assert 'ends in .onnx, got alike-t.bin' in capsys.readouterr().err
    for name, problem in ((None, 'pip install tensorrt'), (ModuleType('tensorrt'), 'CUDA device')):
        monkeypatch.setitem(sys.modules, 'tensorrt', name)
        monkeypatch.setattr('alike_ros.export_tensorrt.device_name', lambda number: '')
        assert cli.main(['export', 'alike-t', str(tmp_path / 'alike-t.engine')]) == 2
        assert problem in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(sys.modules, 'openvino', None)
    monkeypatch.delitem(sys.modules, 'alike_ros.backends.openvino_library', raising=False)
    assert cli.main(['export', 'alike-t', str(tmp_path / 'alike-t.xml')]) == 2
    assert 'pip install openvino' in capsys.readouterr().err


def test_the_worked_example_of_the_documentation_is_right(data):
    rows = worked_example()
    y, x, c = np.mgrid[:80, :100, :3]
    image = ((x * x + 3 * y * y + 5 * x * y + 60 * c) % 256).astype(np.uint8)
    padded = np.zeros((1, 96, 128, 3), np.uint8)
    padded[0, :80, :100] = image
    graph = build_graph(read_layers('alike-t', data / 'models' / 'alike-t.pth'))
    session = ort.InferenceSession(graph.SerializeToString(), providers=['CPUExecutionProvider'])
    score, *levels = session.run(None, {'image': padded})
    assert np.allclose(rows[0], score[0, 55, 90], atol=1e-4)
    for row, level, stride in zip(rows[1:5], levels, LEVEL_STRIDES, strict=True):
        assert np.allclose(row, level[0, 55 // stride, 90 // stride, :3], atol=1e-4)
    for sub_pixel, expected in ((True, rows[5:8]), (False, rows[8:])):
        with Extractor(device='cpu', scores_th=0.1, sub_pixel=sub_pixel) as extractor:
            found = extractor.extract(image)
        for i, row in enumerate(expected):
            got = [*found.keypoints[i], found.scores[i], found.sigmas[i]]
            assert np.allclose(row, [*got, *found.descriptors[i, :4]], atol=2e-4)


def worked_example():
    """Return the numbers of the tables below the last heading of docs/export.md, row by row."""
    text = (Path(__file__).parents[1] / 'docs' / 'export.md').read_text().split('## Worked')[1]
    lines = [
        line for line in text.splitlines() if re.match(r'\| (-?[\d.]+|score|level\d) \|', line)
    ]
    named = [line.split('|')[3] if line[2].isalpha() else line for line in lines]
    return [[float(n) for n in re.findall(r'-?\d+\.\d+', line)] for line in named]


@pytest.mark.parametrize('model', MODELS)
@pytest.mark.parametrize('suffix', ['.onnx', '.xml'])
def test_the_matrices_for_descriptors_are_in_the_file(data, model, suffix, tmp_path):
    path = tmp_path / f'{model}{suffix}'
    assert cli.main(['export', model, str(path)]) == 0
    core = ov.Core()
    compiled = core.compile_model(core.read_model(path), 'CPU')
    results = compiled(np.zeros((1, 32, 32, 3), np.uint8))
    layers = read_layers(model, data / 'models' / f'{model}.pth')
    assert (results['descriptors'] == layers.head[:-1]).all()
    if layers.hidden is not None:
        assert (results['hidden'] == layers.hidden).all()
