"""The photographs that the rendered room is papered with.

They come with the Python package scikit-image (pip extra `room`), which is only looked up, never
imported. Only photographs whose licence its documentation states as free are used:

    astronaut.png          Eileen Collins, NASA; public domain
    brick.png, gravel.png  CC0Textures; CC0
    camera.png             Lav Varshney; CC0
    chelsea.png            Stefan van der Walt; CC0
    coffee.png             Rachel Michetti; CC0
    grass.png              linolafett; CC0
    hubble_deep_field.jpg  NASA, ESA, the HUDF09 and HXDF teams; public domain
    rocket.jpg             SpaceX; public domain
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from alike_ros.errors import DatasetError
from alike_ros.structures import ImageArray

NAMES = (
    'astronaut.png',
    'brick.png',
    'camera.png',
    'chelsea.png',
    'coffee.png',
    'grass.png',
    'gravel.png',
    'hubble_deep_field.jpg',
    'rocket.jpg',
)


def photo_folder() -> Path:
    """Where the photographs are installed; DatasetError when they are not."""
    spec = importlib.util.find_spec('skimage')
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        folder = Path(place) / 'data'
        if all((folder / name).is_file() for name in NAMES):
            return folder
    raise DatasetError(
        'the rendered room needs the photographs of the Python package scikit-image, which '
        'are not installed; install them: pip install alike_ros[room]'
    )


def load_photo(name: str) -> ImageArray:
    """(H, W, 3) uint8 RGB; a grey photograph has three equal channels."""
    path = photo_folder() / name
    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(
            f'the photograph {path} cannot be decoded; install it again: '
            'pip install --force-reinstall alike_ros[room]'
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
