import pytest
from pydantic import ValidationError

from engine.config import SessionConfig
from models.picture import Tier


def test_a_tier_is_written_by_its_name():
    assert SessionConfig(tier="warp").tier == Tier.WARP
    assert SessionConfig(tier=Tier.STILL).tier == Tier.STILL
    assert SessionConfig().tier is None
    with pytest.raises(ValidationError, match="no tier 'best'; there are: FULL, WARP, SPARSE, STILL"):
        SessionConfig(tier="best")


@pytest.mark.parametrize(
    "wrong",
    [{"chunks": 4}, {"chunk_frames": 0}, {"chunk_frames": 9}, {"pacing": "fast"}, {"input_limit_s": 0.0}],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValidationError):
        SessionConfig(**wrong)


def test_a_config_does_not_change():
    with pytest.raises(ValidationError):
        SessionConfig().chunk_frames = 2
