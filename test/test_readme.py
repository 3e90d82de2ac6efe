"""What the README shows works as it stands there."""

import re
from pathlib import Path

import cv2
import pytest

from alike_ros.config import ExtractorConfig, NodeConfig, TrackerConfig, parameters
from alike_ros.structures import Features

README = (Path(__file__).parents[1] / 'README.md').read_text()


def test_the_four_lines_give_features(data, monkeypatch):
    pytest.importorskip('torch')
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    [code] = re.findall(r'```python\n(.*?)```', README, re.DOTALL)
    image = cv2.imread(str(data / 'tum' / '1311868169.163498.png'))
    names = {'image_rgb': cv2.cvtColor(image, cv2.COLOR_BGR2RGB)}
    exec(code, names)
    names['extractor'].close()
    assert isinstance(names['features'], Features)
    assert len(names['features']) == 999  # as the original finds


def test_parameters_and_their_defaults_are_those_of_the_node():
    known = {p.name: p.default for p in parameters(ExtractorConfig, TrackerConfig, NodeConfig)}
    table = README.partition('### Parameters')[2].partition('\n## ')[0]
    rows = re.findall(r'^\| `(\w+)` \| `?([\w.-]+)`? \|', table, re.M)
    assert len(rows) >= 8
    for name, default in rows:
        assert str(known[name]).lower() == default, name


def test_files_that_are_linked_exist():
    links = [link for link in re.findall(r'\]\(([^)#]+)\)', README) if '://' not in link]
    assert len(links) >= 8
    for link in links:
        assert (Path(__file__).parents[1] / link).exists(), link
