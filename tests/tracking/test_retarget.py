"""A person's face becomes an avatar's: rest subtracted, turns bounded, gaps held and then told."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, JOINT_INDEX
from models.portrait.face import LANDMARKS, Face
from models.tracking.neutral import CALIBRATION_FRAMES, neutral_of
from models.tracking.retarget import EYES_MOST, Retarget, RetargetConfig, Trust

TILT = Rotation.from_rotvec([0.2, -0.1, 0.05])
NECK = [JOINT_INDEX[joint] for joint in ("spine", "chest", "neck", "head")]


def face(turn=(0, 0, 0), **weights):
    """A face that rests squinting, smiling and tilted, and does something."""
    expression = np.zeros(len(EXPRESSIONS), np.float32)
    for name, weight in {
        "eyeSquintLeft": 0.5,
        "mouthSmileLeft": 0.2,
        "eyeLookUpLeft": 0.1,
        **weights,
    }.items():
        expression[EXPRESSION_INDEX[name]] = weight
    rotation = (TILT * Rotation.from_rotvec(np.radians(turn))).as_matrix()
    return Face(np.zeros((LANDMARKS, 3), np.float32), expression, rotation.astype(np.float32))


def drive(faces, config=None, state=None):
    stage = Retarget(config)
    state = state or stage.init_state()
    poses = []
    for one in faces:
        pose, state = stage.step(one, state)
        poses.append(pose)
    return poses, state


@pytest.fixture
def calibrated():
    return drive([face()] * CALIBRATION_FRAMES)[1]


def test_the_rest_is_learned_in_two_seconds_whatever_happens_meanwhile():
    words = [face(jawOpen=0.6, turn=(0, 20, 0))] * 20 + [face(eyeBlinkLeft=0.9, eyeBlinkRight=0.9)] * 4
    poses, state = drive([*words, *[face()] * (CALIBRATION_FRAMES - 24)])
    assert [poses[i].calibrated for i in (0, 24, 49)] == [0.02, 0.5, 1.0]
    assert state.seen == ()
    after, _ = drive([face()], state=state)
    assert np.abs(after[0].motion.expression).max() < 0.02
    assert np.abs(after[0].motion.rotations).max() < 0.01


def test_weights_are_rescaled_from_rest_and_lips_are_not(calibrated):
    poses, _ = drive([face(eyeSquintLeft=0.75, mouthSmileLeft=0.6, jawOpen=0.3)] * 10, state=calibrated)
    named = dict(zip(EXPRESSIONS, poses[-1].motion.expression, strict=True))
    assert named["eyeSquintLeft"] == pytest.approx(0.5, abs=0.02)
    assert named["mouthSmileLeft"] == pytest.approx(0.5, abs=0.02)
    assert named["jawOpen"] == pytest.approx(0.3, abs=0.01)


def test_an_open_mouth_at_rest_stays_open():
    rest = neutral_of([face(jawOpen=0.5)] * 50)
    assert rest.expression[EXPRESSION_INDEX["jawOpen"]] == 0


@pytest.mark.parametrize("axis", range(3))
def test_the_head_turns_against_its_own_rest_and_no_farther_than_a_portrait_can(calibrated, axis):
    for degrees, low, high in ((6, 5.2, 6), (-60, -28, -17)):
        turn = np.zeros(3)
        turn[axis] = degrees
        poses, _ = drive([face(turn)] * 25, state=calibrated)
        total = np.degrees(poses[-1].motion.rotations[NECK].sum(0))
        assert low < total[axis] < high
        assert np.abs(np.delete(total, axis)).max() < 0.1


def test_both_eyes_look_one_way_and_wait_while_they_are_shut(calibrated):
    left = face(eyeLookOutLeft=0.9, eyeLookInRight=0.7)
    poses, state = drive([left] * 20, state=calibrated)
    eyes = poses[-1].motion.expression
    assert eyes[EXPRESSION_INDEX["eyeLookOutLeft"]] == pytest.approx(EYES_MOST, abs=0.01)
    assert eyes[EXPRESSION_INDEX["eyeLookInRight"]] == pytest.approx(EYES_MOST, abs=0.01)
    shut = face(eyeBlinkLeft=0.7, eyeBlinkRight=0.7, eyeLookDownLeft=0.9, eyeLookDownRight=0.9)
    poses, _ = drive([shut] * 5, state=state)
    assert poses[-1].motion.expression[EXPRESSION_INDEX["eyeLookDownLeft"]] == 0
    assert poses[-1].motion.expression[EXPRESSION_INDEX["eyeBlinkLeft"]] > 0.85


def test_a_gap_is_held_then_lost_and_the_person_comes_back(calibrated):
    smile = face(mouthSmileLeft=0.8)
    poses, _ = drive([smile, smile, *[None] * 8, smile], RetargetConfig(held_frames=3), calibrated)
    assert [pose.trust for pose in poses] == [Trust.TRACKED] * 2 + [Trust.HELD] * 3 + [Trust.LOST] * 5 + [
        Trust.TRACKED
    ]
    assert np.array_equal(poses[2].motion.vector(), poses[1].motion.vector())


def test_nobody_yet_is_lost_not_held():
    poses, _ = drive([None])
    assert poses[0].trust == Trust.LOST


def test_tremor_is_calmed_and_speech_is_not_late(calibrated):
    random = np.random.default_rng(0)
    tremble = [face(browInnerUp=0.3 + 0.03 * random.standard_normal()) for _ in range(100)]
    poses, _ = drive(tremble, state=calibrated)
    brow = [pose.motion.expression[EXPRESSION_INDEX["browInnerUp"]] for pose in poses[20:]]
    assert np.std(brow) < 0.5 * 0.03
    poses, _ = drive([face()] * 3 + [face(jawOpen=0.6)] * 2, state=calibrated)
    assert poses[-2].motion.expression[EXPRESSION_INDEX["jawOpen"]] > 0.4


def test_gains_are_a_persons_own():
    config = RetargetConfig(gains={"brow": 2.0})
    state = replace(
        Retarget(config).init_state(), neutral=neutral_of([face()]), calibrated=CALIBRATION_FRAMES
    )
    poses, _ = drive([face(browInnerUp=0.2)], config, state)
    assert poses[0].motion.expression[EXPRESSION_INDEX["browInnerUp"]] == pytest.approx(0.4)
    with pytest.raises(ValueError, match="browInnerUp"):
        Retarget(RetargetConfig(gains={"nostril": 1.0}))
