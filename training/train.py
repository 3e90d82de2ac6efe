"""`python -m training.train`: train a network on a folder of photos."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alike_ros.cli.options import add_options, config_from
from alike_ros.errors import AlikeError
from training.config import TrainingConfig, read_config


def main(arguments: list[str] | None = None) -> int:
    """Run the command; problems that the user can solve end in one line and exit code 2."""
    try:
        config = parse(arguments)
        from training.loop import train

        train(config)
    except KeyboardInterrupt:
        return 130
    except (AlikeError, OSError) as error:
        print(f'training: {error}', file=sys.stderr)
        return 2
    return 0


def parse(arguments: list[str] | None = None) -> TrainingConfig:
    """Return the configuration: defaults, then the file of --config, then other options."""
    parser = argparse.ArgumentParser('python -m training.train', description=__doc__)
    parser.add_argument('--config', type=Path, help='YAML file of parameters')
    add_options(parser, 'parameters', TrainingConfig)
    known, _ = parser.parse_known_args(arguments)
    values: dict[str, Any] = asdict(TrainingConfig())
    if known.config:
        values |= read_config(known.config)
    parser.set_defaults(**values)
    return config_from(parser.parse_args(arguments), TrainingConfig)


if __name__ == '__main__':
    sys.exit(main())
