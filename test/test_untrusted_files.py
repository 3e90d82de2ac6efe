"""Files are data: one made to run code, or to fill the memory, is refused with a sentence."""

import pickle
import socket
import sys
import zipfile
import zlib
from struct import pack

import numpy as np
import pytest
from mcap.writer import Writer

from alike_ros.bags import Bag
from alike_ros.bags.reading import LONGEST_ARRAY
from alike_ros.benchmark.comparison import load_outputs
from alike_ros.benchmark.contestant import read_images
from alike_ros.camera import camera_from_yaml
from alike_ros.cli.main import main
from alike_ros.datasets.euroc import read_rig
from alike_ros.errors import AlikeError, CameraError, ConfigError, DatasetError, ImageError
from alike_ros.layers import read_layers
from alike_ros.masks import read_mask
from alike_ros.sources import open_source
from alike_ros.sources.folder import FolderSource
from alike_ros.state_dict import LARGEST, read_state_dict

IMAGE = 'sensor_msgs/msg/Image'


class Evil:
    """Creates the file `ran` when it is unpickled."""

    def __init__(self, folder):
        self._ran = folder / 'ran'

    def __reduce__(self):
        return type(self._ran).touch, (self._ran,)


@pytest.fixture
def ran(tmp_path):
    """Return whether any code of a file has run; asked once more at the end of the test."""
    yield lambda: (tmp_path / 'ran').exists()
    assert not (tmp_path / 'ran').exists()


def evil_yaml(folder):
    return f'!!python/object/apply:os.mknod ["{folder}/ran"]\n'


def run_by_pickle(folder):
    return pickle.dumps(Evil(folder))


def test_the_files_used_here_would_run(tmp_path):
    import yaml

    pickle.loads(run_by_pickle(tmp_path))
    assert (tmp_path / 'ran').exists()
    (tmp_path / 'ran').unlink()
    yaml.unsafe_load(evil_yaml(tmp_path))
    assert (tmp_path / 'ran').exists()


@pytest.mark.parametrize('backend', ['openvino', 'onnx', 'torch'])
def test_the_command_line_refuses_weights_that_run_code_in_one_line(
    tmp_path, ran, capsys, backend
):
    pytest.importorskip({'onnx': 'onnxruntime'}.get(backend, backend))
    evil = tmp_path / 'evil.pth'
    with zipfile.ZipFile(evil, 'w') as archive:
        archive.writestr('evil/data.pkl', run_by_pickle(tmp_path))
    options = ['--weights', str(evil), '--backend', backend, '--device', 'cpu']
    assert main(['track', 'room', str(tmp_path / 'out.mcap'), *options]) == 2
    assert capsys.readouterr().err.count('\n') == 1


@pytest.mark.parametrize('wrap', [bytes, zlib.compress])
def test_a_bare_pickle_is_no_file_of_weights(tmp_path, ran, wrap):
    (tmp_path / 'evil.pth').write_bytes(wrap(run_by_pickle(tmp_path)))
    with pytest.raises(AlikeError, match='does not hold weights of alike-t'):
        read_layers('alike-t', tmp_path / 'evil.pth')


def weights(path, index, **members):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('evil/data.pkl', index)
        for name, content in members.items():
            archive.writestr(f'evil/data/{name}', content)
    return path


STORAGE = b"(S'storage'\nctorch\nFloatStorage\nS'a'\nS'cpu'\nI1\ntQ"
REBUILD = b'ctorch._utils\n_rebuild_tensor_v2\n'


def test_a_tensor_is_read_where_nothing_is_wrong_with_it(tmp_path):
    index = b"(dS'w'\n" + REBUILD + b'(' + STORAGE + b'I0\n(I1\nt(I1\nttRs.'
    state = read_state_dict(weights(tmp_path / 'well.pth', index, a=pack('<f', 2.5)))
    assert state['w'].tolist() == [2.5]


@pytest.mark.parametrize('target', [REBUILD, b'ctorch\nFloatStorage\n', STORAGE])
@pytest.mark.parametrize('state', [b"(dS'__call__'\nI1\ns", b"(N(dS'__call__'\nI1\nst"])
def test_a_pickle_cannot_change_what_it_names(tmp_path, target, state):
    path = weights(tmp_path / 'evil.pth', target + state + b'b.', a=bytes(4))
    with pytest.raises(ValueError, match='attribute|argument|state|tuple'):
        read_state_dict(path)


def test_weights_that_unpack_to_more_than_any_network_are_refused(tmp_path):
    index = b"(dS'w'\n" + REBUILD + b'(' + STORAGE + b'I0\n(I60000\nI60000\nt(I0\nI0\nttRs.'
    with pytest.raises(ValueError, match='unpacks to 14400000000 bytes'):
        read_state_dict(weights(tmp_path / 'repeated.pth', index, a=pack('<f', 2.5)))
    packed = weights(tmp_path / 'packed.pth', b'(d.', a=bytes(LARGEST + 1))
    assert packed.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match='unpacks to'):
        read_state_dict(packed)


def test_a_calibration_that_runs_code_is_refused(tmp_path, ran):
    (tmp_path / 'ost.yaml').write_text(evil_yaml(tmp_path))
    with pytest.raises(CameraError, match='is not a calibration'):
        camera_from_yaml(tmp_path / 'ost.yaml')
    (tmp_path / '1.png').touch()
    with pytest.raises(CameraError, match='is not a calibration'):
        FolderSource(tmp_path)


def test_a_rig_that_runs_code_is_refused(tmp_path, ran):
    (tmp_path / 'cam0').mkdir()
    (tmp_path / 'cam0' / 'sensor.yaml').write_text(evil_yaml(tmp_path))
    with pytest.raises(DatasetError, match=r'sensor\.yaml: expected 16 numbers'):
        read_rig(tmp_path, 1)


def test_a_configuration_of_training_that_runs_code_is_refused(tmp_path, ran):
    pytest.importorskip('torch')
    from training.config import read_config

    (tmp_path / 'evil.yaml').write_text(evil_yaml(tmp_path))
    with pytest.raises(ConfigError, match='no YAML of plain values'):
        read_config(tmp_path / 'evil.yaml')


def test_arrays_that_run_code_are_refused(tmp_path, ran):
    objects = np.array([Evil(tmp_path)], object)
    np.save(tmp_path / 'images.npy', objects)
    np.savez(tmp_path / 'outputs.npz', keypoints0=objects, descriptors0=objects)
    with pytest.raises(ValueError, match='allow_pickle=False'):
        read_images(tmp_path / 'images.npy')
    with pytest.raises(ValueError, match='allow_pickle=False'):
        load_outputs(tmp_path / 'outputs.npz')


def test_a_mask_that_is_no_image_or_too_large_a_one_is_refused(tmp_path, ran):
    (tmp_path / 'evil.png').write_bytes(run_by_pickle(tmp_path))
    with pytest.raises(ImageError, match='expected an encoded image'):
        read_mask(tmp_path / 'evil.png')
    (tmp_path / 'bomb.png').write_bytes(png_of_size(100_000, 100_000))
    with pytest.raises(ImageError, match='at most'):
        read_mask(tmp_path / 'bomb.png')


def png_of_size(width, height):
    def chunk(name, content):
        return pack('>I', len(content)) + name + content + pack('>I', zlib.crc32(name + content))

    head = chunk(b'IHDR', pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
    data = chunk(b'IDAT', zlib.compress(bytes(1000)))
    return b'\x89PNG\r\n\x1a\n' + head + data + chunk(b'IEND', b'')


@pytest.mark.parametrize('end', [b'', bytes([200, 0])])
def test_a_playlist_is_no_movie_and_nothing_that_it_names_is_fetched(tmp_path, end):
    with socket.create_server(('127.0.0.1', 0)) as server:
        url = f'http://127.0.0.1:{server.getsockname()[1]}/movie.ts'.encode()
        playlist = b'#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n' + url + b'\n#EXT-X-ENDLIST\n'
        (tmp_path / 'movie.mp4').write_bytes(playlist + end)
        with pytest.raises(DatasetError, match='is no movie'):
            open_source(str(tmp_path / 'movie.mp4'))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def bag_of(path, encoding, definition, name=IMAGE):
    """Write a bag of one message whose type is defined like that."""
    with path.open('wb') as file:
        writer = Writer(file)
        writer.start(profile='ros2', library='')
        schema = writer.register_schema(name, encoding, definition.encode())
        channel = writer.register_channel('/image', 'cdr', schema)
        writer.add_message(channel, 0, bytes(64), 0)
        writer.finish()
    return path


RUN = "__import__('pathlib').Path('RAN').touch()"
DEFINITIONS = {
    'a field': ('ros2msg', f'uint8 x={RUN}\n'),
    'the length of an array': ('ros2msg', f'uint8[{RUN}] x\n'),
    'a constant': ('ros2msg', f'string X=""" + {RUN} + """\nuint8 x\n'),
    'a string in quotes': ('ros2msg', f"string X='\\'\\n{RUN}\\n#'\nuint8 x\n"),
    'the name of a type': ('ros2msg', f'a/B x\n{"=" * 80}\nMSG: a/B:\n  {RUN}\nuint8 y\n'),
    'a comment': ('ros2msg', f'uint8 x # """\n{RUN}\n'),
    'a default': ('ros2msg', f'uint8 x {RUN}\n'),
    'idl: a string': (
        'ros2idl',
        f'module sensor_msgs {{ module msg {{ module Image_Constants {{ '
        f'const string X = "\\"; {RUN} #"; }}; struct Image {{ uint8 x; }}; }}; }};',
    ),
    'idl: a name': ('ros2idl', f'module a {{ struct {RUN} {{ uint8 x; }}; }};'),
}


@pytest.mark.parametrize('place', DEFINITIONS)
def test_a_bag_cannot_run_code_by_the_definition_of_a_type(tmp_path, ran, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    encoding, definition = DEFINITIONS[place]
    path = bag_of(tmp_path / 'evil.mcap', encoding, definition.replace('RAN', 'ran'))
    with Bag(path) as bag:
        [(_, _, message)] = bag.messages()
    assert isinstance(message, Exception) or message.__msgtype__ == IMAGE
    assert not ran()


@pytest.mark.parametrize('name', [f'sensor_msgs/msg/Image:\n  {RUN}', 'a"""/msg/B', '../msg/B'])
def test_a_bag_cannot_run_code_by_the_name_of_a_type(tmp_path, ran, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = bag_of(tmp_path / 'evil.mcap', 'ros2msg', 'uint8 x\n', name.replace('RAN', 'ran'))
    try:
        with Bag(path) as bag:
            [(_, _, message)] = bag.messages()
        assert isinstance(message, Exception)
    except DatasetError as error:
        assert str(path) in str(error)


def test_a_definition_of_endless_arrays_is_refused(tmp_path):
    definition = f'string[{LONGEST_ARRAY + 1}] x\n'
    with Bag(bag_of(tmp_path / 'bomb.mcap', 'ros2msg', definition)) as bag:
        [(_, _, message)] = bag.messages()
    assert 'expected at most' in str(message)


def test_the_metadata_of_a_bag_cannot_run_code(tmp_path, ran):
    bag_of(tmp_path / 'a.mcap', 'ros2msg', 'uint8 x\n')
    (tmp_path / 'metadata.yaml').write_text(evil_yaml(tmp_path))
    with pytest.raises(DatasetError, match='cannot be read as a bag'):
        Bag(tmp_path)


def test_a_publisher_cannot_have_the_recorder_import_anything_but_messages():
    pytest.importorskip('rclpy')
    pytest.importorskip('alike_ros.msg')
    from alike_ros.ros.recorder_node import _message_type

    assert _message_type(IMAGE).__name__ == 'Image'
    for package in ('antigravity', 'idlelib.idle', '../x', ''):
        with pytest.raises(ConfigError, match='cannot record'):
            _message_type(f'{package}/msg/Evil')
    assert not {'antigravity', 'idlelib.idle'} & sys.modules.keys()
