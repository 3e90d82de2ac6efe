import dataclasses

import pytest

from alike_ros.config import (
    DepthConfig,
    DetectorConfig,
    ExtractorConfig,
    NodeConfig,
    StereoConfig,
    TrackerConfig,
    change_live,
    parameters,
)
from alike_ros.errors import ConfigError

ALL = (ExtractorConfig, TrackerConfig, StereoConfig, NodeConfig)


@pytest.mark.parametrize(
    ('name', 'value', 'sentence'),
    [
        ('top_k', -2, r'top_k must lie in \[-1, 100000\], got -2'),
        ('scores_th', 1.5, r'scores_th must lie in \[0.0, 1.0\], got 1.5'),
        ('scores_th', float('nan'), 'scores_th must lie in'),
        ('n_limit', 0, 'n_limit must lie in'),
        ('sub_pixel', 1, r'sub_pixel must be of type bool, got 1 \(int\)'),
        ('top_k', True, 'top_k must be of type int, got True'),
        ('model', 'alike-x', 'model must be one of alike-t, alike-s, alike-n, alike-l'),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_was_expected(name, value, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ExtractorConfig(**{name: value})


def test_a_whole_number_is_taken_for_a_float():
    assert DetectorConfig(scores_th=1).scores_th == 1.0


def test_a_range_of_depths_that_is_empty_is_refused_and_may_move_as_a_whole():
    with pytest.raises(ConfigError, match='min_depth must lie below max_depth, got 5.0 and 5.0'):
        DepthConfig(min_depth=5.0, max_depth=5.0)
    with pytest.raises(ConfigError, match='set both in one call'):
        change_live(StereoConfig(), {'min_depth': 200.0})
    assert change_live(StereoConfig(), {'min_depth': 200.0, 'max_depth': 300.0}).min_depth == 200


def test_names_are_unique_over_all_configurations():
    names = [parameter.name for parameter in parameters(*ALL)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize('parameter', list(parameters(*ALL)), ids=lambda p: p.name)
def test_every_parameter_says_what_it_means_and_its_default_is_allowed(parameter):
    assert parameter.description.endswith('.')
    assert parameter.check(parameter.default) == parameter.default
    if parameter.type in (int, float):
        assert parameter.low is not None
        assert parameter.low <= parameter.high


def test_live_parameters_change_and_others_are_refused():
    config = ExtractorConfig()
    assert change_live(config, {'top_k': 7, 'scores_th': 0.5}) == dataclasses.replace(
        config, top_k=7, scores_th=0.5
    )
    with pytest.raises(ConfigError, match='model cannot change while running'):
        change_live(config, {'model': 'alike-n'})
    with pytest.raises(ConfigError, match='unknown parameter topk'):
        change_live(config, {'topk': 3})
