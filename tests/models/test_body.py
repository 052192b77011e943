import numpy as np
import pytest

from models.body.body import gazing_rotations, joint_rotations, rotation_matrices, shared_body
from models.body.expression import ExpressionMap
from models.body.rig import RIG, RIG_INDEX, Region
from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.portrait.fit import joint_positions
from tests.models.poses import pose

STILL = np.zeros((len(RIG), 3), np.float32)


@pytest.fixture(scope="module")
def identity():
    body = shared_body()
    shape = np.random.default_rng(0).normal(0, 0.3, body.components).astype(np.float32)
    return body.identity(shape)


def region_vertices(*regions):
    body = shared_body()
    return np.unique(body.triangles[np.isin(body.regions, regions)])


def test_rest_is_rest(identity):
    posed = identity.pose(MotionFrame.rest().expression, STILL)
    np.testing.assert_allclose(posed, identity.rest, atol=1e-6)


def test_parents_come_before_children():
    assert all(joint.parent < number for number, joint in enumerate(RIG))


def test_the_fast_kinematics_agree_with_scipy(identity):
    rng = np.random.default_rng(1)
    rotations = rng.normal(0, 0.3, STILL.shape).astype(np.float32)
    for name in ("head", "wrist_left", "index_right_3", "eye_left"):
        joint = RIG_INDEX[name]
        carried = identity.carry(identity.joints[joint][None], joint, rotations)[0]
        slow = joint_positions(rotations.astype(np.float64), identity)[joint]
        np.testing.assert_allclose(carried, slow, atol=1e-5)


def test_rotation_axes_are_the_persons_own(identity):
    nose = np.argmax(identity.rest[:, 2] * (identity.rest[:, 1] > identity.joints[RIG_INDEX["head"], 1]))
    crown = np.argmax(identity.rest[:, 1])

    def moved(vertex, **turn):
        frame = pose({"head": turn["by"]})
        return identity.pose(frame.expression, joint_rotations(frame, STILL))[vertex] - identity.rest[vertex]

    assert moved(nose, by=(10, 0, 0))[1] < -0.005, "+x nods down"
    assert moved(nose, by=(0, 10, 0))[0] > 0.005, "+y turns to the person's left"
    assert moved(crown, by=(0, 0, 10))[0] < -0.005, "+z tilts to the person's right shoulder"


def test_the_jaw_moves_the_chin_and_not_the_brow(identity):
    frame = pose(jawOpen=1.0)
    shift = identity.pose(frame.expression, STILL) - identity.rest
    head = region_vertices(Region.HEAD)
    front = head[identity.rest[head, 2] > identity.joints[RIG_INDEX["head"], 2] + 0.04]
    height = identity.rest[front, 1]
    low, high = front[height < np.quantile(height, 0.15)], front[height > np.quantile(height, 0.85)]
    assert np.median(shift[low, 1]) < -0.005
    assert np.abs(shift[high]).max() < 1e-3


@pytest.mark.parametrize(
    ("look", "axis", "sign"), [("Out", 0, 1), ("In", 0, -1), ("Up", 1, 1), ("Down", 1, -1)]
)
def test_eyes_turn_where_they_are_told(identity, look, axis, sign):
    expression = MotionFrame.rest().expression
    expression[EXPRESSION_INDEX[f"eyeLook{look}Left"]] = 1
    posed = identity.pose(expression, gazing_rotations(expression, STILL))
    ball = region_vertices(Region.EYE_LEFT)
    pupil = ball[np.argmax(identity.rest[ball, 2])]
    assert sign * (posed[pupil] - identity.rest[pupil])[axis] > 0.002


def test_fingers_curl_towards_the_palm_on_both_sides(identity):
    frame = MotionFrame.rest()
    frame.curls[:] = 1.2
    posed = identity.pose(frame.expression, joint_rotations(frame, STILL))
    shift = np.linalg.norm(posed - identity.rest, axis=1)
    left, right = identity.rest[:, 0] > 0.3, identity.rest[:, 0] < -0.3
    assert shift[left].max() > 0.02
    assert shift[left].max() == pytest.approx(shift[right].max(), rel=0.15)
    assert shift[~left & ~right].max() < 1e-4


def test_rotation_matrices_are_rotations():
    vectors = np.random.default_rng(2).normal(0, 1, (50, 3)).astype(np.float32)
    matrices = rotation_matrices(vectors)
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(3), (50, 1, 1)), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-5)
    np.testing.assert_array_equal(rotation_matrices(np.zeros((1, 3), np.float32))[0], np.eye(3))


def test_a_blink_of_one_closes_every_shape_of_eye():
    body = shared_body()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shape = rng.normal(0, 0.4, body.components).astype(np.float32)
        portrait = np.clip(rng.normal(0, 0.2, 52), 0, 1).astype(np.float32)
        mapping = ExpressionMap.of(shape, portrait)
        weights = mapping(pose(eyeBlink=1.0).expression)
        openness = [_lid_gap(shape, weights, *lids) for lids in ((159, 145), (386, 374))]
        assert max(np.abs(openness)) < 0.0015, seed


def _lid_gap(shape, weights, upper, lower):
    from models.portrait.marks import shared_marks

    marks = shared_marks()
    rest = marks.rest(shape, weights)
    return rest[upper, 1] - rest[lower, 1]


def test_articulators_are_absolute_and_moods_stay():
    portrait = np.zeros(52, np.float32)
    portrait[EXPRESSION_INDEX["jawOpen"]] = 0.5
    portrait[EXPRESSION_INDEX["mouthSmileLeft"]] = 0.8
    weights = ExpressionMap.of(np.zeros(shared_body().components, np.float32), portrait)(
        MotionFrame.rest().expression
    )
    assert weights[EXPRESSION_INDEX["jawOpen"]] == 0
    assert weights[EXPRESSION_INDEX["mouthSmileLeft"]] > 0.5


def test_unknown_names_of_a_pose_say_what_there_is():
    with pytest.raises(ValueError, match="no expression 'smirk'; there are: browDownLeft"):
        pose(smirk=1)
    with pytest.raises(ValueError, match="no joint 'tail'; there are: spine"):
        pose({"tail": (0, 0, 1)})
