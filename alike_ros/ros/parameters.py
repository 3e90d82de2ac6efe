"""ROS parameters from the declarations in config.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterException,
)
from rclpy.node import Node

from alike_ros.config import (
    ExtractorConfig,
    NodeConfig,
    Parameter,
    StereoConfig,
    TrackerConfig,
    Value,
    parameters,
)
from alike_ros.errors import ConfigError

CONFIGS = (ExtractorConfig, TrackerConfig, StereoConfig, NodeConfig)

Config = TypeVar('Config')


def declare(node: Node, *configs: type) -> None:
    """Declare every parameter of the configurations on the node.

    Raises:
        ConfigError: an override is of another type or out of range.
    """
    for parameter in parameters(*configs):
        try:
            node.declare_parameter(parameter.name, parameter.default, descriptor(parameter))
        except InvalidParameterTypeException as error:
            wanted = parameter.type.__name__
            hint = ' (write 1.0, not 1)' if parameter.type is float else ''
            raise ConfigError(
                f'{parameter.name} must be of type {wanted}{hint}: {_sentence(error)}'
            ) from error
        except (InvalidParameterValueException, ParameterException) as error:
            allowed = f'[{parameter.low}, {parameter.high}]'
            raise ConfigError(
                f'{parameter.name} must lie in {allowed}: {_sentence(error)}'
            ) from error


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows of a parameter."""
    result = ParameterDescriptor(
        name=parameter.name,
        description=parameter.description,
        read_only=not parameter.live,
        additional_constraints=f'One of {", ".join(parameter.choices)}.'
        if parameter.choices
        else '',
    )
    if parameter.low is None or parameter.high is None:
        return result
    if parameter.type is int:
        span = IntegerRange(from_value=int(parameter.low), to_value=int(parameter.high))
        result.integer_range.append(span)
    else:
        result.floating_point_range.append(
            FloatingPointRange(from_value=float(parameter.low), to_value=float(parameter.high))
        )
    return result


def read(node: Node, config: type[Config]) -> Config:
    """Return the configuration with the node's values; ConfigError when one cannot be."""
    return config(**{p.name: node.get_parameter(p.name).value for p in parameters(config)})


@dataclass(frozen=True)
class Configs:
    """The node's parameters as the configurations of its parts."""

    extractor: ExtractorConfig
    tracker: TrackerConfig
    stereo: StereoConfig
    node: NodeConfig


def read_all(node: Node) -> Configs:
    """Return all configurations; ConfigError when a parameter has a value that cannot be."""
    return Configs(
        read(node, ExtractorConfig),
        read(node, TrackerConfig),
        read(node, StereoConfig),
        read(node, NodeConfig),
    )


class LiveParameters:
    """Checks a change of live parameters, then hands it on; a refusal changes nothing."""

    def __init__(self, apply: Callable[[dict[str, Value]], None]) -> None:
        """`apply` gets the changed names and values; it may raise ConfigError to refuse."""
        self._apply = apply
        self._known = {p.name: p for p in parameters(*CONFIGS)}

    def on_set(self, changes: Iterable[Any]) -> SetParametersResult:
        """Answer rclpy's on-set callback; the reason of a refusal is the error's sentence."""
        known = [change for change in changes if change.name in self._known]
        try:
            values = {c.name: self._known[c.name].check(c.value) for c in known}
            if values:
                self._apply(values)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def part_for(config: type, values: dict[str, Value]) -> dict[str, Any]:
    """Return those of the values that are fields of a configuration."""
    names = {entry.name for entry in dataclasses.fields(config)}
    return {name: value for name, value in values.items() if name in names}


def _sentence(error: Exception) -> str:
    return ' '.join(str(error).split())
