"""Means and deviations of the data, which the weights carry with them."""

import numpy as np
import torch

from training.motion.data import Conversation
from training.motion.network import MotionNet

_LEAST = 0.01
"""Deviation below which a channel counts as still: ARKit weights, or radians."""


def measure(net: MotionNet, conversations: list[Conversation]) -> None:
    """Set the network's statistics from the data."""
    motion = np.concatenate([c.motion for c in conversations]).astype(np.float32)
    mel = np.concatenate([c.mel[0][::7] for c in conversations]).astype(np.float32)
    net.motion_mean.copy_(torch.from_numpy(motion.mean(axis=0)))
    net.motion_scale.copy_(torch.from_numpy(motion.std(axis=0).clip(_LEAST)))
    net.mel_mean.copy_(torch.from_numpy(mel.mean(axis=0)))
    net.mel_scale.copy_(torch.from_numpy(mel.std(axis=0).clip(1.0)))
