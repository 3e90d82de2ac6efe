"""`alike models` against a server on this machine: resume, wrong content, errors."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alike_ros import weights
from alike_ros.cli.main import main

CONTENT = bytes(range(256)) * 1200


class Mirror(BaseHTTPRequestHandler):
    """Serves `server.files`; cuts the connection after `server.cut` bytes once, when set."""

    def do_GET(self):
        content = self.server.files.get(self.path)
        self.server.ranges.append(self.headers.get('Range'))
        if content is None:
            self.send_error(404)
            return
        start = int((self.headers.get('Range') or 'bytes=0-')[6:].rstrip('-'))
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(content) - start))
        self.end_headers()
        cut, self.server.cut = self.server.cut, None
        self.wfile.write(content[start:cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    """Serve one model, whose published content is CONTENT."""
    published = weights.Published('alike-t.pth', len(CONTENT), _sha256(CONTENT))
    monkeypatch.setitem(weights.MANIFEST, 'alike-t', published)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('ALIKE_MODELS', str(tmp_path / 'none'))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Mirror)
    server.files = {'/alike-t.pth': CONTENT}
    server.ranges = []
    server.cut = None
    server.url = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def fetch(mirror, *more):
    return main(['models', 'fetch', 'alike-t', '--url', mirror.url, *more])


def test_fetch_puts_the_file_into_the_cache_where_it_is_found(mirror, capsys):
    assert main(['models', 'verify', 'alike-t']) == 1
    assert fetch(mirror) == 0
    path = weights.cache_dir() / 'alike-t.pth'
    assert path.read_bytes() == CONTENT
    assert str(path) in capsys.readouterr().out
    assert main(['models', 'verify', 'alike-t']) == 0


def test_fetch_does_not_ask_for_what_is_there_and_intact(mirror, tmp_path):
    assert fetch(mirror, '--directory', str(tmp_path)) == 0
    assert fetch(mirror, '--directory', str(tmp_path)) == 0
    assert mirror.ranges == [None]


def test_fetch_goes_on_where_a_cut_left_it(mirror, tmp_path, capsys):
    mirror.cut = 100_000
    assert fetch(mirror, '--directory', str(tmp_path)) == 2
    assert capsys.readouterr().err.count('\n') == 1
    assert not (tmp_path / 'alike-t.pth').exists()
    assert fetch(mirror, '--directory', str(tmp_path)) == 0
    assert (tmp_path / 'alike-t.pth').read_bytes() == CONTENT
    assert mirror.ranges[0] is None and mirror.ranges[1].startswith('bytes=')
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ['alike-t.pth']


def test_wrong_content_is_refused_and_nothing_of_it_stays(mirror, tmp_path, capsys):
    mirror.files['/alike-t.pth'] = CONTENT[::-1]
    assert fetch(mirror, '--directory', str(tmp_path)) == 2
    assert 'sha256' in capsys.readouterr().err
    assert not list(tmp_path.glob('*.p*'))


@pytest.mark.parametrize('reach', ['404', 'no server'])
def test_a_server_that_does_not_help_is_one_sentence_with_the_way_out(mirror, reach, capsys):
    url = f'{mirror.url}/elsewhere' if reach == '404' else 'http://127.0.0.1:9'
    assert main(['models', 'fetch', 'alike-t', '--url', url]) == 2
    message = capsys.readouterr().err
    assert message.count('\n') == 1 and '--url' in message


def test_list_and_verify_name_what_is_missing_and_what_is_damaged(mirror, tmp_path, capsys):
    folder = tmp_path / 'none'
    folder.mkdir()
    (folder / 'alike-t.pth').write_bytes(CONTENT[:-1])
    assert main(['models', 'list']) == 0
    table = capsys.readouterr().out
    assert f'damaged   {folder / "alike-t.pth"}' in table
    assert f'looked for in: {folder}' in table
    assert main(['models', 'verify', 'alike-t']) == 1


def test_an_unknown_model_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(['models', 'verify', 'alike-x'])
    assert exit_.value.code == 2 and 'alike-x' in capsys.readouterr().err
