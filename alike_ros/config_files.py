"""config/alike.yaml and docs/parameters.md, written from config.py.

`python -m alike_ros.config_files` writes both into the checkout; a test holds them equal.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from alike_ros.config import (
    ExtractorConfig,
    NodeConfig,
    Parameter,
    StereoConfig,
    TrackerConfig,
    Value,
    parameters,
)
from alike_ros.consumers.config import BridgeConfig
from alike_ros.odometry.config import FramesConfig, OdometryConfig

SECTIONS = {
    'Keypoints and descriptors': ExtractorConfig,
    'Tracks': TrackerConfig,
    'Depth and stereo': StereoConfig,
    'Node': NodeConfig,
}
OTHER_NODES = {
    '`bridge_node`': BridgeConfig,
    '`odometry_node`, and `alike eval odometry`': OdometryConfig,
    '`odometry_node`: frames': FramesConfig,
}
_COMMAND = 'python -m alike_ros.config_files'


def render_yaml() -> str:
    """Return a parameter file for `--params-file` with every default and what it means."""
    lines = [f'# Made from alike_ros/config.py by `{_COMMAND}`.', '/**:', '  ros__parameters:']
    for title, config in SECTIONS.items():
        lines += ['', f'    # --- {title} ---']
        for parameter in parameters(config):
            lines += ['', *_comment(parameter), f'    {parameter.name}: {_yaml(parameter)}']
    return '\n'.join(lines) + '\n'


def render_markdown() -> str:
    """Return docs/parameters.md: one table a section."""
    lines = [
        '# Parameters',
        '',
        f'Made from `alike_ros/config.py` by `{_COMMAND}`. A *live* parameter may change while '
        'the node runs',
        '(`ros2 param set`); the others are read when the node starts and read-only after that.',
    ]
    for title, config in (SECTIONS | OTHER_NODES).items():
        lines += ['', f'## {title}', '', '| name | default | range | live | meaning |']
        lines += ['|---|---|---|---|---|']
        lines += [_row(parameter) for parameter in parameters(config)]
    return '\n'.join(lines) + '\n'


def write(root: Path) -> None:
    """Write both files below the root of the checkout."""
    for name, text in (
        ('config/alike.yaml', render_yaml()),
        ('docs/parameters.md', render_markdown()),
    ):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding='utf-8')


def _comment(parameter: Parameter) -> list[str]:
    live = 'live' if parameter.live else 'read-only'
    allowed = f'{_allowed(parameter)}; {live}' if _allowed(parameter) else live
    text = f'{parameter.description} [{allowed}]'
    return textwrap.wrap(
        text,
        95,
        break_on_hyphens=False,
        initial_indent='    # ',
        subsequent_indent='    # ',
    )


def _row(parameter: Parameter) -> str:
    default = f'`{_shown(parameter.default)}`'
    allowed = _allowed(parameter).replace('|', r'\|')
    live = 'yes' if parameter.live else ''
    cells = (f'`{parameter.name}`', default, allowed, live, parameter.description)
    return f'| {" | ".join(cells)} |'


def _allowed(parameter: Parameter) -> str:
    if parameter.choices:
        return ', '.join(parameter.choices)
    return '' if parameter.low is None else f'{parameter.low:g} to {parameter.high:g}'


def _yaml(parameter: Parameter) -> str:
    return json.dumps(parameter.default)  # JSON scalars are YAML scalars


def _shown(value: Value) -> str:
    return json.dumps(value) if value == '' or not isinstance(value, str) else value


if __name__ == '__main__':
    write(Path(__file__).resolve().parents[1])
