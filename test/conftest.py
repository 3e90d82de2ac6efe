"""Fixtures that every test may use."""

import os
from pathlib import Path

import numpy as np
import pytest

DATA = Path(os.environ.get('ALIKE_TEST_DATA', Path(__file__).parents[2] / 'shared' / 'data'))


@pytest.fixture(scope='session')
def data() -> Path:
    """Folder of real images, weights and reference outputs; it is not part of the repository."""
    if DATA.is_dir():
        return DATA
    reason = f'test data not found at {DATA}; set ALIKE_TEST_DATA to the folder that holds it'
    if os.environ.get('CI') == 'true':
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
