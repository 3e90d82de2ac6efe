"""Files of weights: read alike with and without PyTorch, refused alike when they are not that."""

import pickle
import zipfile

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from alike_ros.config import MODELS  # noqa: E402
from alike_ros.errors import WeightsError  # noqa: E402
from alike_ros.layers import read_layers  # noqa: E402
from alike_ros.network import load_network  # noqa: E402
from alike_ros.state_dict import read_state_dict  # noqa: E402

READERS = [load_network, read_layers]


@pytest.mark.parametrize('model', MODELS)
def test_published_weights_are_read_as_torch_reads_them(data, model):
    path = data / 'models' / f'{model}.pth'
    expected = torch.load(path, map_location='cpu', weights_only=True)
    state = read_state_dict(path)
    assert list(state) == list(expected)
    for name, tensor in expected.items():
        assert state[name].dtype == tensor.numpy().dtype
        assert (state[name] == tensor.numpy()).all()


def test_views_of_shared_storages_are_read(tmp_path):
    whole = torch.arange(24.0).reshape(4, 6)
    views = {'row': whole[1], 'columns': whole[:, 2:4], 'turned': whole.T, 'one': whole[0, 0]}
    views |= {'half': whole.half(), 'none': whole[:0]}
    torch.save(views, tmp_path / 'views.pth')
    state = read_state_dict(tmp_path / 'views.pth')
    for name, tensor in views.items():
        assert state[name].shape == tuple(tensor.shape)
        assert (state[name] == tensor.numpy()).all()


@pytest.mark.parametrize('read', READERS)
@pytest.mark.parametrize('content', [b'', b'not weights', b'PK\x03\x04broken'])
def test_a_damaged_file_is_refused(tmp_path, read, content):
    path = tmp_path / 'alike-t.pth'
    path.write_bytes(content)
    with pytest.raises(WeightsError, match='alike models fetch alike-t'):
        read('alike-t', path)


@pytest.mark.parametrize('read', READERS)
def test_a_file_cut_off_or_with_wrong_bytes_is_refused(data, tmp_path, rng, read):
    content = (data / 'models' / 'alike-t.pth').read_bytes()
    path = tmp_path / 'alike-t.pth'
    for length in rng.integers(0, len(content), 20):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError):
            read('alike-t', path)


def test_what_leaves_its_storage_is_refused(tmp_path):
    path = tmp_path / 'alike-t.pth'
    torch.save({'a': torch.arange(4.0)}, path)
    rewrite(path, lambda index: index.replace(b'K\x04\x85', b'K\x05\x85'))
    with pytest.raises(ValueError, match='leaves its storage'):
        read_state_dict(path)


@pytest.mark.parametrize('read', READERS)
def test_a_pickle_that_runs_code_is_refused(tmp_path, read):
    path = tmp_path / 'alike-t.pth'
    torch.save({'block1': Evil(tmp_path / 'ran')}, path)
    with pytest.raises(WeightsError):
        read('alike-t', path)
    assert not (tmp_path / 'ran').exists()


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


@pytest.mark.parametrize(
    'name', ['os.system', 'builtins.eval', 'numpy.load', 'torch.load', 'torch._utils._rebuild']
)
def test_only_the_names_of_tensors_may_be_called(tmp_path, name):
    module, _, function = name.rpartition('.')
    path = tmp_path / 'alike-t.pth'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('archive/data.pkl', f'c{module}\n{function}\n.'.encode())
    with pytest.raises(ValueError, match=f'it names {name}, which no state dict needs'):
        read_state_dict(path)


@pytest.mark.parametrize('value', [[1, 2], 'text', {'a': 'text'}, {'conv1.weight': 3}])
def test_other_values_are_no_weights(tmp_path, value):
    path = tmp_path / 'alike-t.pth'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('archive/data.pkl', pickle.dumps(value, 2))
    with pytest.raises(WeightsError, match='does not hold weights of alike-t'):
        read_layers('alike-t', path)


@pytest.mark.parametrize('change', ['shape', 'type', 'name', 'missing'])
def test_a_tensor_that_does_not_fit_is_named(data, tmp_path, change):
    state = torch.load(data / 'models' / 'alike-t.pth', map_location='cpu', weights_only=True)
    weight = state.pop('conv3.weight')
    changed = {
        'shape': {'conv3.weight': weight[:-1]},
        'type': {'conv3.weight': weight.double()},
        'name': {'conv3.weight': weight, 'conv3.bias': weight},
        'missing': {},
    }
    torch.save(state | changed[change], tmp_path / 'changed.pth')
    with pytest.raises(WeightsError, match='conv3'):
        read_layers('alike-t', tmp_path / 'changed.pth')


def rewrite(path, change):
    """Change the pickle inside a file of weights."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in members.items():
            archive.writestr(name, change(content) if name.endswith('data.pkl') else content)


def test_folding_keeps_float32(data):
    layers = read_layers('alike-n', data / 'models' / 'alike-n.pth')
    for block in layers.blocks:
        assert block.first.weight.dtype == block.second.bias.dtype == np.float32
