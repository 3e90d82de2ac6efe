"""Movies: rates, sizes and colours of what is written, read back."""

import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from alike_ros.errors import AlikeError, ConfigError
from alike_ros.evaluation.movie import Look, MovieWriter


def test_a_movie_has_the_rate_of_its_stamps_and_takes_odd_and_changing_sizes(tmp_path):
    path = tmp_path / 'movie.mp4'
    with MovieWriter(path) as writer:
        for i in range(10):
            height = 51 if i < 9 else 80
            writer.write(np.full((height, 101, 3), 20 * i, np.uint8), i * 50_000_000)
    movie = cv2.VideoCapture(str(path))
    assert movie.get(cv2.CAP_PROP_FPS) == 20
    pictures = [picture for ok, picture in iter(movie.read, (False, None)) if ok]
    assert len(pictures) == 10 and pictures[5].shape == (50, 100, 3)
    assert abs(int(pictures[5][10, 10, 0]) - 100) < 8


def test_a_gif_of_every_second_picture_has_the_width_and_the_colours_asked_for(tmp_path):
    path = tmp_path / 'made' / 'movie.gif'
    red = np.full((60, 80, 3), (235, 20, 20), np.uint8)
    with MovieWriter(path, Look(width=40, every=2)) as writer:
        for i in range(20):
            writer.write(red if i == 18 else np.full_like(red, 10 * i), i * 50_000_000)
    gif = Image.open(path)
    assert (gif.n_frames, gif.size) == (10, (40, 30))
    assert gif.info['duration'] == 100 and gif.info['loop'] == 0
    for number, colour in ((5, (100, 100, 100)), (9, (235, 20, 20))):
        gif.seek(number)
        assert np.abs(np.array(gif.convert('RGB'), int) - colour).max() < 12


def test_the_rate_may_be_chosen(tmp_path):
    for name in ('movie.mp4', 'movie.gif'):
        with MovieWriter(tmp_path / name, Look(rate=5)) as writer:
            for i in range(3):
                writer.write(np.full((30, 40, 3), 60 * i, np.uint8), i)
    assert cv2.VideoCapture(str(tmp_path / 'movie.mp4')).get(cv2.CAP_PROP_FPS) == 5
    assert Image.open(tmp_path / 'movie.gif').info['duration'] == 200


def test_a_gif_without_pillow_says_so_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'PIL', None)
    with pytest.raises(AlikeError, match='pip install'):
        MovieWriter(tmp_path / 'movie.gif')


@pytest.mark.parametrize('wrong', [{'width': -1}, {'every': 0}, {'rate': -1.0}])
def test_a_look_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match='every 1st'):
        Look(**wrong)


def test_a_movie_of_no_picture_is_no_file(tmp_path):
    with MovieWriter(tmp_path / 'movie.mp4'):
        pass
    assert not list(tmp_path.iterdir())
