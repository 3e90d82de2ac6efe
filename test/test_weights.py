import pytest

from alike_ros import weights
from alike_ros.errors import WeightsError
from alike_ros.weights import MANIFEST, find_weights, search_path


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Search two empty folders only: $ALIKE_MODELS and the user's cache."""
    monkeypatch.setenv('ALIKE_MODELS', str(tmp_path / 'models'))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    folders = [tmp_path / 'models', tmp_path / 'cache' / 'alike_ros' / 'models']
    for folder in folders:
        folder.mkdir(parents=True)
    monkeypatch.setattr(weights, 'search_path', lambda: folders)
    return folders


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
    found = find_weights('alike-t')
    assert found.path == places[1] / 'alike-t.pth'
    assert found.intact


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
    assert found.path == tmp_path / 'mine.pth'
    assert not found.intact


def test_the_manifest_matches_the_files(data):
    for model, published in MANIFEST.items():
        path = data / 'models' / published.file
        assert published.file == f'{model}.pth'
        assert path.stat().st_size == published.size
        assert weights.sha256_of(path) == published.sha256
