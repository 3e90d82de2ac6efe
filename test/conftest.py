"""Fixtures that every test may use."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import cv2
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


@pytest.fixture(scope='session')
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of three made photos with corners to find, for training."""
    folder = tmp_path_factory.mktemp('photos')
    rng = np.random.default_rng(5)
    for number in range(3):
        image = np.full((200, 260, 3), 128, np.uint8)
        for x, y, width, height in rng.integers(4, 200, (60, 4)):
            colour = rng.integers(0, 256, 3).tolist()
            cv2.rectangle(image, (x, y), (x + width // 5, y + height // 5), colour, -1)
        cv2.imwrite(str(folder / f'{number}.png'), image)
    return folder
