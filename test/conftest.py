"""Fixtures that every test may use."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

# training/ is not installed; behind what is, so that the installed package is tested.
sys.path.append(str(Path(__file__).parents[1]))

DATA = Path(os.environ.get('ALIKE_TEST_DATA', Path(__file__).parents[2] / 'shared' / 'data'))


def absent(reason: str) -> NoReturn:
    """Skip a test for want of something; fail it in CI, where everything has to be there."""
    if os.environ.get('CI') == 'true':
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope='session')
def data() -> Path:
    """Folder of real images, weights and reference outputs; it is not part of the repository.

    Its weights are the official ones of this process and its children, unless others are set.
    """
    if DATA.is_dir():
        os.environ.setdefault('ALIKE_MODELS', str(DATA / 'models'))
        return DATA
    absent(f'test data not found at {DATA}; set ALIKE_TEST_DATA to the folder that holds it')


@pytest.fixture(scope='session')
def photos() -> None:
    """Ask for the photos of the rendered room, which come with scikit-image."""
    if find_spec('skimage') is None:
        absent('the photos of the room are not installed: pip install --no-deps scikit-image')


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
