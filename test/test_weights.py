import cv2
import numpy as np
import pytest

from alike_ros import weights
from alike_ros.errors import WeightsError
from alike_ros.extractor import Extractor
from alike_ros.state_dict import read_state_dict
from alike_ros.weights import (
    MANIFEST,
    WeightsFile,
    builtin_files,
    find_weights,
    search_path,
    sha256_of,
)

torch = pytest.importorskip('torch')


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Search two empty folders only: $ALIKE_MODELS and the user's cache."""
    monkeypatch.setenv('ALIKE_MODELS', str(tmp_path / 'models'))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    folders = [tmp_path / 'models', tmp_path / 'cache' / 'alike_ros' / 'models']
    for folder in folders:
        folder.mkdir(parents=True)
    monkeypatch.setattr(weights, 'search_path', lambda: folders)
    monkeypatch.setattr(weights, '_own_folders', lambda: [tmp_path / 'none', tmp_path / 'own'])
    return folders


@pytest.fixture
def builtin(tmp_path, places):
    """Build in a file for alike-t."""
    path = tmp_path / 'own' / 'builtin-alike-t.pth'
    path.parent.mkdir()
    path.write_bytes(b'trained here')
    path.with_name('SHA256SUMS').write_text(f'{sha256_of(path)}  {path.name}\n')
    return path


def test_the_search_path_has_its_documented_order(tmp_path, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(tmp_path))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    path = search_path()
    assert path[0] == tmp_path
    assert path[-1] == tmp_path / 'cache' / 'alike_ros' / 'models'
    assert all(folder.name == 'models' for folder in path[1:])
    monkeypatch.delenv('ALIKE_MODELS')
    assert tmp_path not in search_path()


def test_published_weights_are_found_and_intact(data, places):
    places[1].joinpath('alike-t.pth').symlink_to((data / 'models' / 'alike-t.pth').resolve())
    for choice in ('auto', 'official'):
        found = find_weights('alike-t', choice)
        assert found.path == places[1] / 'alike-t.pth'
        assert found.sha256 == MANIFEST['alike-t'].sha256
        assert found.origin == 'official'


def test_missing_weights_name_the_places_and_the_command(places):
    with pytest.raises(WeightsError) as caught:
        find_weights('alike-s')
    sentence = str(caught.value)
    for part in (*map(str, places), 'alike-s.pth', 'alike models fetch alike-s', '$ALIKE_MODELS'):
        assert part in sentence
    assert '\n' not in sentence


def test_damaged_weights_are_not_used(places):
    (places[0] / 'alike-t.pth').write_bytes(b'half a file')
    with pytest.raises(WeightsError, match='damaged or another file.*alike models fetch alike-t'):
        find_weights('alike-t')


def test_a_file_that_is_named_may_be_another_than_the_published(tmp_path):
    (tmp_path / 'mine.pth').write_bytes(b'mine')
    found = find_weights('alike-t', str(tmp_path / 'mine.pth'))
    assert found == WeightsFile('alike-t', tmp_path / 'mine.pth', sha256_of(found.path), 'file')


def test_auto_takes_the_official_file_before_the_one_built_in(data, places, builtin, caplog):
    assert find_weights('alike-t').path == builtin
    places[0].joinpath('alike-t.pth').symlink_to((data / 'models' / 'alike-t.pth').resolve())
    assert find_weights('alike-t').origin == 'official'
    assert find_weights('alike-t', 'builtin').path == builtin
    assert not caplog.records


def test_auto_says_so_when_it_leaves_out_a_damaged_official_file(places, builtin, caplog):
    (places[0] / 'alike-t.pth').write_bytes(b'half a file')
    assert find_weights('alike-t').path == builtin
    assert 'damaged or another file' in caplog.text and str(places[0]) in caplog.text
    with pytest.raises(WeightsError, match='damaged'):
        find_weights('alike-t', 'official')


def test_official_weights_are_not_replaced_by_the_ones_built_in(builtin):
    with pytest.raises(WeightsError, match='alike models fetch alike-t'):
        find_weights('alike-t', 'official')


def test_damaged_builtin_weights_are_not_used(builtin):
    builtin.write_bytes(b'trained elsewhere')
    for choice in ('auto', 'builtin'):
        with pytest.raises(WeightsError, match=r'builtin-alike-t.pth is damaged.*Install'):
            find_weights('alike-t', choice)


def test_a_model_without_builtin_weights_says_what_there_is(builtin):
    with pytest.raises(WeightsError, match=r'only of alike-t. Fetch .*alike models fetch alike-l'):
        find_weights('alike-l', 'builtin')


@pytest.mark.parametrize('model', ['alike-t', 'alike-n'])
def test_builtin_weights_have_a_card_and_find_keypoints(model):
    path, expected = builtin_files()[model]
    assert path.stat().st_size < 3_000_000
    assert sha256_of(path) == expected
    assert expected[:12] in path.with_suffix('.md').read_text()
    weights_only = torch.load(path, weights_only=True)
    ours = read_state_dict(path)
    assert {k: v.tolist() for k, v in ours.items()} == {
        k: v.tolist() for k, v in weights_only.items()
    }
    noise = np.random.default_rng(0).normal(size=(240, 320)).astype(np.float32)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    with Extractor(model=model, weights='builtin', device='cpu') as extractor:
        features = extractor.extract(texture.astype(np.uint8))
    assert extractor.weights.origin == 'builtin'
    assert len(features) > 50 and np.isfinite(features.descriptors).all()


def test_one_line_names_kind_checksum_and_file(builtin):
    line = str(find_weights('alike-t'))
    assert line == f'built-in weights of alike-t, sha256 {sha256_of(builtin)[:12]}, {builtin}'


def test_the_manifest_matches_the_files(data):
    for model, published in MANIFEST.items():
        path = data / 'models' / published.file
        assert published.file == f'{model}.pth'
        assert path.stat().st_size == published.size
        assert sha256_of(path) == published.sha256
