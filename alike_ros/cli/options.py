"""Options of a command made from config.py, and configurations made from options."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any, TypeVar

from alike_ros.config import Parameter, parameters

Config = TypeVar('Config')


def add_options(
    parser: argparse.ArgumentParser, title: str, config: type, leave_out: Collection[str] = ()
) -> None:
    """Add an option, named as the parameter, for every parameter but those left out."""
    group = parser.add_argument_group(title)
    for parameter in parameters(config):
        if parameter.name not in leave_out:
            group.add_argument(_flag(parameter), **_settings(parameter))


def config_from(args: argparse.Namespace, config: type[Config]) -> Config:
    """Return the configuration that the options ask for; ConfigError when one cannot be."""
    names = [p.name for p in parameters(config) if p.name in args]
    return config(**{name: getattr(args, name) for name in names})


def _flag(parameter: Parameter) -> str:
    negated = parameter.type is bool and parameter.default
    return f'--no_{parameter.name}' if negated else f'--{parameter.name}'


def _settings(parameter: Parameter) -> dict[str, Any]:
    settings: dict[str, Any] = {'dest': parameter.name, 'default': parameter.default}
    text = parameter.description.replace('%', '%%')
    if parameter.type is bool:
        action = 'store_false' if parameter.default else 'store_true'
        turned = 'Turn off: ' if parameter.default else ''
        return settings | {'action': action, 'help': f'{turned}{text}'}
    shown = '' if parameter.default == '' else ' (default: %(default)s)'
    settings |= {'type': parameter.type, 'help': f'{text}{shown}'}
    if parameter.choices:
        return settings | {'choices': parameter.choices}
    return settings | {'metavar': {int: 'N', float: 'X', str: 'TEXT'}[parameter.type]}
