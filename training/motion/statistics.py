"""Means and deviations of the data, which the weights carry with them."""

import numpy as np
import torch
from jaxtyping import Float32

from training.motion.data import Conversation
from training.motion.network import MotionNet

_STEADIEST = 60.0
_LEAST = 0.01
"""Deviation below which a channel counts as still: ARKit weights, or radians."""


def steadiness(conversations: list[Conversation]) -> Float32[np.ndarray, "motion"]:
    """Return the variance of each channel over that of its change in a frame, 1 to `_STEADIEST`.

    A head that is wrong by a twentieth of its range adds nothing to a squared error, and trembles.
    """
    motion = [c.motion.astype(np.float32) for c in conversations]
    changes = np.concatenate([np.diff(m, axis=0) for m in motion]).var(axis=0)
    ratio = np.concatenate(motion).var(axis=0) / np.maximum(changes, 1e-12)
    return np.asarray(np.clip(ratio, 1.0, _STEADIEST), np.float32)


def measure(net: MotionNet, conversations: list[Conversation]) -> None:
    """Set the network's statistics from the data."""
    motion = np.concatenate([c.motion for c in conversations]).astype(np.float32)
    mel = np.concatenate([c.mel[0][::7] for c in conversations]).astype(np.float32)
    net.motion_mean.copy_(torch.from_numpy(motion.mean(axis=0)))
    net.motion_scale.copy_(torch.from_numpy(motion.std(axis=0).clip(_LEAST)))
    net.steadiness.copy_(torch.from_numpy(steadiness(conversations)))
    net.mel_mean.copy_(torch.from_numpy(mel.mean(axis=0)))
    net.mel_scale.copy_(torch.from_numpy(mel.std(axis=0).clip(1.0)))
