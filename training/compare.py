"""`python -m training.compare DATA alike-t models/builtin-alike-t.pth`: a table of weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alike_ros.config import MODELS, ExtractorConfig
from alike_ros.errors import AlikeError


def main(arguments: list[str] | None = None) -> int:
    """Print the table: published weights of a model first, then each file given."""
    parser = argparse.ArgumentParser('python -m training.compare', description=__doc__)
    parser.add_argument('data', type=Path, help='folder with homography/, kitti/ and tum/')
    parser.add_argument('model', choices=MODELS)
    parser.add_argument('weights', nargs='*', type=Path, help='files to set beside the published')
    parser.add_argument('--backend', default='auto', help='as for alike (default: %(default)s)')
    args = parser.parse_args(arguments)
    try:
        print(table(args.data, args.model, args.weights, args.backend), end='')
    except (AlikeError, OSError) as error:
        print(f'compare: {error}', file=sys.stderr)
        return 2
    return 0


def table(data: Path, model: str, weights: list[Path], backend: str = 'auto') -> str:
    """Return the Markdown table of `main`."""
    from alike_ros.evaluation.comparison import judge, read_images, render

    images = read_images(data)
    published = ExtractorConfig(model=model, weights='official', backend=backend)
    columns = {'published': judge(images, published)}
    for path in weights:
        config = ExtractorConfig(model=model, weights=str(path), backend=backend)
        columns[path.stem] = judge(images, config)
    return render(columns)


if __name__ == '__main__':
    sys.exit(main())
