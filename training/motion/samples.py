"""Sample sheets: what the network makes of a held-out conversation, over what the teacher did."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageDraw

from models.audio import COLUMNS_PER_FRAME
from models.motion.diffusion.network import MotionNetwork
from models.motion.diffusion.samplers import SAMPLERS
from models.motion.diffusion.schedule import alpha_sigma
from models.motion.diffusion.shape import MOUTH, PRESENCES
from models.motion.diffusion.stage import Sampling
from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, JOINT_INDEX
from models.motion.stage import Presence
from training.motion.data import Conversation

_HEAD: Final = len(EXPRESSIONS) + 3 * JOINT_INDEX["head"]
_ROWS: Final[dict[str, tuple[int, float, float]]] = {
    "jawOpen": (EXPRESSION_INDEX["jawOpen"], 0.0, 0.6),
    "mouthClose": (EXPRESSION_INDEX["mouthClose"], 0.0, 0.3),
    "mouthPucker": (EXPRESSION_INDEX["mouthPucker"], 0.0, 0.6),
    "eyeBlinkLeft": (EXPRESSION_INDEX["eyeBlinkLeft"], 0.0, 1.0),
    "browInnerUp": (EXPRESSION_INDEX["browInnerUp"], 0.0, 0.4),
    "head pitch": (_HEAD, -0.08, 0.08),
    "head yaw": (_HEAD + 1, -0.08, 0.08),
}
"""Channels that are drawn, with the values at the lower and the upper edge."""
_WIDTH, _HEIGHT = 1200, 90
_INKS: Final = ((20, 20, 20), (214, 69, 65), (31, 119, 180), (44, 140, 60))


def follow(
    network: MotionNetwork, conversation: Conversation, frames: int, seed: int, sampling: Sampling
) -> Float32[np.ndarray, "frames motion"]:
    """Return the motion drawn for the first frames of a conversation, from its clean sound alone."""
    shape, random = network.shape, np.random.default_rng(seed)
    past_t = np.full(shape.motion_size, sampling.rest_t)
    past_t[list(MOUTH)] = sampling.mouth_t
    kept, blurred = np.vectorize(alpha_sigma)(past_t)
    before = COLUMNS_PER_FRAME * shape.past_frames
    mel = conversation.mel[0].astype(np.float32)
    heard = network.hear_columns(np.pad(mel, ((before, 0), (0, 0)), mode="edge"))
    rows, cache = (
        1 if sampling.guidance == 1.0 else 2,
        network.init_cache(1 if sampling.guidance == 1.0 else 2),
    )
    untold, made = np.zeros(shape.window_columns, np.uint8), []
    for i in range(frames):
        presence = int(conversation.presence[i])
        later = sampling.lookahead_frames if PRESENCES[presence] is Presence.SPEAKING else 0
        window = heard[COLUMNS_PER_FRAME * i :][: before + COLUMNS_PER_FRAME * (1 + later)]
        condition = network.condition(window, untold, presence, conversation.style, rows)

        begun = network.begin(sampling.mouth_t, sampling.rest_t, condition, cache)

        def denoise(x: np.ndarray, t: float, begun: np.ndarray = begun, cache: object = cache) -> np.ndarray:
            parts = network.denoise(x, t, begun, cache)  # type: ignore[arg-type]
            return parts[0] if rows == 1 else parts[1] + sampling.guidance * (parts[0] - parts[1])

        def noise(_: int) -> np.ndarray:
            return random.standard_normal(shape.motion_size).astype(np.float32)

        x0 = SAMPLERS[sampling.sampler](denoise, noise, sampling.steps)
        seen = (kept * x0 + blurred * noise(0)).astype(np.float32)
        cache = network.remember(seen, sampling.mouth_t, sampling.rest_t, condition, cache)
        made.append(network.motion_mean + network.motion_scale * x0)
    return np.array(made, np.float32)


def save_samples(
    path: Path, network: MotionNetwork, conversation: Conversation, sampling: Sampling, frames: int = 400
) -> None:
    """Draw the teacher in black, and two samples in colour."""
    frames = min(frames, len(conversation.motion))
    truth = conversation.motion[:frames].astype(np.float32)
    drawn = [truth, *(follow(network, conversation, frames, seed, sampling) for seed in (0, 1))]
    Image.fromarray(np.vstack([_panel(name, drawn) for name in _ROWS])).save(path)


def _panel(name: str, curves: Sequence[Float32[np.ndarray, "frames motion"]]) -> np.ndarray:
    channel, low, high = _ROWS[name]
    image = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    for ink, curve in zip(_INKS, curves, strict=False):
        x = np.linspace(0, _WIDTH, len(curve))
        y = _HEIGHT - 4 - (_HEIGHT - 8) * np.clip((curve[:, channel] - low) / (high - low), 0.0, 1.0)
        draw.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], fill=ink)
    draw.rectangle((0, 0, _WIDTH - 1, _HEIGHT - 1), outline=(228, 228, 232))
    draw.text((6, 2), name, fill=_INKS[0])
    return np.asarray(image)
