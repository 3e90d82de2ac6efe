import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from alike_ros.errors import AlikeError
from alike_ros.page import Page


class Reader(HTMLParser):
    """Keeps the names of elements and the text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.words, self.links = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.links += [value for name, value in attrs if name in ('src', 'href')]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def page():
    return Page('Tracks < 3 & more')


def test_page_holds_its_parts_in_one_file(page, tmp_path):
    page.heading('Lengths')
    page.text('a < b')
    page.table(('tracker', 'px'), [('klt', 1.5)])
    page.lines({'a': ([0, 1], [1.0, np.nan]), 'b': ([0, 1], [2, 3])}, 'age', 'px', 'growth')
    page.lines({'way': ([0, 1], [0, 5])}, 'm', 'm', 'map', same_scale=True)
    page.lines({'error': ([0, 1], [0.1, 100])}, 'm', 'm', logarithmic=True)
    page.bars(['1', '2'], {'a': [3, 4], 'b': [5, float('nan')]}, 'length', 'tracks', 'counts')
    page.picture(np.zeros((4, 6, 3), np.uint8), 'black')
    page.strip([(np.zeros((4, 6), np.uint8), 'left'), (np.zeros((4, 6, 3), np.uint8), 'right')])
    page.write(tmp_path / 'made' / 'page.html')
    read = Reader((tmp_path / 'made' / 'page.html').read_text('utf-8'))
    assert {'h1', 'h2', 'p', 'table', 'svg', 'img'} <= set(read.elements)
    assert {
        'Tracks < 3 & more',
        'a < b',
        'klt',
        '1.5',
        'growth',
        'black',
        'map',
        'counts',
        'left',
        'right',
    } <= set(read.words)
    assert read.elements.count('svg') == 4 and read.elements.count('img') == 3
    assert all(link.startswith(('data:', '#')) for link in read.links)


def test_charts_without_matplotlib_say_what_to_install(page, monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    with pytest.raises(AlikeError, match=r'pip install "alike_ros\[report\]"'):
        page.lines({'a': ([0], [1])}, 'x', 'y')
