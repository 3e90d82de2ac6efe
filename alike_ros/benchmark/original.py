"""The original code of ALIKE as a contestant, from a folder that the user names.

Nothing of it is part of this package. It needs a few names of torchvision; where that is not
installed, stand-ins take their place.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from alike_ros.benchmark.contestant import Extract, Outputs
from alike_ros.errors import BackendError, first_line
from alike_ros.structures import ImageArray
from alike_ros.weights import find_weights

FILES = ('alike.py', 'alnet.py', 'soft_detect.py')
KEEP_MEMORY = {'MALLOC_MMAP_THRESHOLD_': '4294967296', 'MALLOC_TRIM_THRESHOLD_': '4294967296'}


def open_original(
    folder: str,
    model: str,
    device: str,
    weights: str = 'auto',
    scores_th: float = 0.2,
    n_limit: int = 5000,
) -> Extract:
    """Return the original extractor in sub-pixel mode, one image after the other.

    Raises:
        BackendError: the folder is not one of the original code, or it does not run here.
    """
    missing = [name for name in FILES if not Path(folder, name).is_file()]
    if missing:
        raise BackendError(
            f'{folder} is not a folder of the original code: no {", ".join(missing)}. '
            'Clone https://github.com/Shiaoming/ALIKE and name its folder'
        )
    if find_spec('torchvision') is None:
        sys.modules.update(stand_ins())
    sys.path.insert(0, folder)
    try:
        module = import_module('alike')
        settings = {**module.configs[model], 'model_path': str(find_weights(model, weights).path)}
        network = module.ALike(
            **settings, device=device, top_k=-1, scores_th=scores_th, n_limit=n_limit
        )
    except (ImportError, AttributeError, KeyError, TypeError, RuntimeError) as error:
        raise BackendError(f'the original code does not run: {first_line(error)}') from error

    def extract(images: list[ImageArray]) -> list[Outputs]:
        return [_outputs(network(image, sub_pixel=True)) for image in images]

    return extract


def stand_ins() -> dict[str, ModuleType]:
    """Return modules with the names of torchvision that the original imports."""
    from torch import nn

    class ToTensor:
        """Imported there, and not used to extract features."""

    def conv3x3(
        inputs: int, outputs: int, stride: int = 1, groups: int = 1, dilation: int = 1
    ) -> nn.Conv2d:
        return nn.Conv2d(
            inputs, outputs, 3, stride, dilation, dilation=dilation, groups=groups, bias=False
        )

    def conv1x1(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    resnet = _module('torchvision.models.resnet', conv3x3=conv3x3, conv1x1=conv1x1)
    models = _module('torchvision.models', resnet=resnet)
    transforms = _module('torchvision.transforms', ToTensor=ToTensor)
    package = _module('torchvision', models=models, transforms=transforms)
    return {module.__name__: module for module in (package, models, resnet, transforms)}


def _module(name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module


def _outputs(found: dict[str, np.ndarray]) -> Outputs:
    return Outputs(found['keypoints'], found['descriptors'])
