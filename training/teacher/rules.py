"""`RuleMotion`: motion by published rules. It moves the avatar live, and learned models learn from it.

    sound ─ prosody ─┬─ cues ─┬─ gaze ──┬─ head ── joints
    phones ──────────┤        ├─ blink ─┤
                     │        ├─ face ──┤
                     │        ├─ breath ┼───────── joints
                     │        └─ posture, gesture ─ joints, fingers
                     └─ mouth (lips or acoustic) ─ expression

Each part is a function of cues, the person's `Style` and its own state; chance comes from seed and counters.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSION_INDEX, FPS, MotionFrame
from models.motion.pose import pose_joints, turn_eyes
from models.motion.stage import SAMPLES_PER_FRAME, Presence, SpeechChunk
from models.motion.style import Style
from training.teacher.blink import BlinkState, init_blink, step_blink
from training.teacher.breath import BreathState, init_breath, step_breath
from training.teacher.cues import PREPARATION_S, Cues, phone_accent, phrase_ends
from training.teacher.face import FaceState, init_face, step_face
from training.teacher.gaze import GazeState, init_gaze, step_gaze
from training.teacher.gesture import GestureState, init_gesture, step_gesture
from training.teacher.head import HeadState, init_head, step_head
from training.teacher.mouth import MouthState, Utterance, init_mouth, move_mouth
from training.teacher.posture import PostureState, init_posture, step_posture
from training.teacher.prosody import Prosody, ProsodyState, hear, init_prosody

_SMILES: Final = [EXPRESSION_INDEX["mouthSmileLeft"], EXPRESSION_INDEX["mouthSmileRight"]]
_PUCKER, _FUNNEL = EXPRESSION_INDEX["mouthPucker"], EXPRESSION_INDEX["mouthFunnel"]


@dataclass(frozen=True, slots=True)
class RuleState:
    """Everything that one session's motion remembers. Never changed in place."""

    seed: int
    style: Style
    frame: int
    presence: Presence
    prosody: ProsodyState
    mouth: MouthState
    gaze: GazeState
    head: HeadState
    blink: BlinkState
    face: FaceState
    breath: BreathState
    posture: PostureState
    gesture: GestureState


class RuleMotion:
    """A `MotionStage` of rules. Holds nothing; one instance serves every session."""

    def init_state(self, seed: int) -> RuleState:
        """Draw a person from `seed` and return them at rest."""
        return RuleState(
            seed=seed,
            style=Style.draw(seed),
            frame=0,
            presence=Presence.IDLE,
            prosody=init_prosody(),
            mouth=init_mouth(),
            gaze=init_gaze(seed),
            head=init_head(seed),
            blink=init_blink(seed),
            face=init_face(seed),
            breath=init_breath(seed),
            posture=init_posture(seed),
            gesture=init_gesture(seed),
        )

    def step(self, chunk: SpeechChunk, state: RuleState) -> tuple[list[MotionFrame], RuleState]:
        """Return `chunk.frames` frames and the state after them. Chunked equals whole.

        Raises:
            ValueError: The sound is no whole number of frames.
        """
        if len(chunk.pcm) % SAMPLES_PER_FRAME:
            raise ValueError(
                f"{len(chunk.pcm)} samples are no whole number of {SAMPLES_PER_FRAME}-sample frames"
            )
        frames = []
        first = round(chunk.segment_s * FPS)
        for i, pcm in enumerate(chunk.pcm.reshape(-1, SAMPLES_PER_FRAME)):
            utterance = Utterance(chunk.segment, first + i, chunk.phones)
            # Another's voice must not move its mouth; the rules nod without it.
            own = pcm if chunk.presence is not Presence.LISTENING else np.zeros_like(pcm)
            frame, state = _step_frame(own, chunk.presence, utterance, state)
            frames.append(frame)
        return frames, state


def _step_frame(
    pcm: Float32[np.ndarray, "640"], presence: Presence, utterance: Utterance, state: RuleState
) -> tuple[MotionFrame, RuleState]:
    """Make one frame."""
    seed, style = state.seed, state.style
    voice, prosody = hear(pcm, state.prosody)
    cues = _cues(voice, presence, utterance, state)
    mouth_weights, mouth = move_mouth(utterance, voice, prosody.window, style, state.mouth)
    look, gaze = step_gaze(cues, style, seed, state.gaze)
    head_deg, head = step_head(cues, look, style, seed, state.head)
    lids, blink = step_blink(cues, look.shift_deg, style, seed, state.blink)
    face_weights, face = step_face(cues, style, seed, state.face)
    air, breath = step_breath(cues, style, state.breath)
    trunk_deg, posture = step_posture(cues, style, seed, state.posture)
    arms_deg, curls, gesture = step_gesture(cues, style, seed, state.gesture)
    # Rounded lips cannot smile.
    face_weights[_SMILES] *= max(0.0, 1.0 - 1.5 * float(mouth_weights[_PUCKER] + mouth_weights[_FUNNEL]))
    expression = np.clip(mouth_weights + face_weights + turn_eyes(look.point, head_deg, lids), 0.0, 1.0)
    rotations = pose_joints(head_deg, air, trunk_deg + arms_deg)
    frame = MotionFrame(expression.astype(np.float32), rotations, curls)
    after = replace(
        state, frame=state.frame + 1, presence=presence, prosody=prosody, mouth=mouth, gaze=gaze, head=head,
        blink=blink, face=face, breath=breath, posture=posture, gesture=gesture,
    )  # fmt: skip
    return frame, after


def _cues(voice: Prosody, presence: Presence, utterance: Utterance, state: RuleState) -> Cues:
    """Gather what the body answers to; known phones tell accents and phrases earlier than the sound."""
    if utterance.segment and utterance.phones:
        at_s = utterance.frame / FPS
        accent = phone_accent(utterance.phones, at_s, utterance.segment, state.seed)
        far = phone_accent(utterance.phones, at_s, utterance.segment, state.seed, PREPARATION_S)
        ends = phrase_ends(utterance.phones, at_s)
        remaining_s = utterance.phones[-1].end_s - at_s
        return Cues(state.frame, presence, state.presence, voice, accent, ends, remaining_s, far)
    accent = voice.accent if presence is Presence.SPEAKING else 0.0
    return Cues(state.frame, presence, state.presence, voice, accent, voice.pause)
