"""Parameters as ROS and as files see them, all from config.py."""

from pathlib import Path

import pytest

from alike_ros.config import ExtractorConfig, NodeConfig, StereoConfig, TrackerConfig, parameters
from alike_ros.config_files import render_markdown, render_yaml

ROOT = Path(__file__).parents[1]
ALL = list(parameters(ExtractorConfig, TrackerConfig, StereoConfig, NodeConfig))


def test_names_are_unique_over_all_configurations():
    assert len({parameter.name for parameter in ALL}) == len(ALL)


@pytest.mark.parametrize(
    ('name', 'render'),
    [('config/alike.yaml', render_yaml), ('docs/parameters.md', render_markdown)],
)
def test_generated_file_is_up_to_date(name, render):
    path = ROOT / name
    assert path.read_text(encoding='utf-8') == render(), 'run python -m alike_ros.config_files'


def test_yaml_holds_every_default_in_its_type():
    yaml = pytest.importorskip('yaml')
    values = yaml.safe_load(render_yaml())['/**']['ros__parameters']
    assert values == {parameter.name: parameter.default for parameter in ALL}
    assert all(type(values[p.name]) is p.type for p in ALL)


def test_descriptors_carry_range_choices_and_whether_live():
    pytest.importorskip('rclpy')
    from alike_ros.ros.parameters import descriptor

    for parameter in ALL:
        found = descriptor(parameter)
        assert found.description == parameter.description
        assert found.read_only == (not parameter.live)
        ranges = [*found.integer_range, *found.floating_point_range]
        assert [(r.from_value, r.to_value) for r in ranges] == (
            [] if parameter.low is None else [(parameter.low, parameter.high)]
        )
        assert all(choice in found.additional_constraints for choice in parameter.choices)
