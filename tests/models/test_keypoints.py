import numpy as np

from models.controls.keypoints import draw_keypoints
from models.controls.reference import open_reference
from models.controls.window import Window
from models.motion.frame import MotionFrame


def test_keypoints_go_with_the_body(avatar):
    reference, whole = open_reference(avatar), Window(0, 0, avatar.side)
    rest = draw_keypoints(reference, MotionFrame.rest(), whole, 128)
    assert set(np.unique(rest)) == {0, 255}
    eyes = avatar.marks[[468, 473]] * 128 / avatar.side
    for x, y in eyes:
        assert rest[
            round(float(y)) - 3 : round(float(y)) + 4, round(float(x)) - 3 : round(float(x)) + 4
        ].any()
    turned = draw_keypoints(reference, MotionFrame.named({}, {"head": (0, 0, 20)}), whole, 128)
    assert (turned != rest).any()
    near = draw_keypoints(reference, MotionFrame.rest(), Window.around_face(avatar.marks, avatar.side), 128)
    assert (near != rest).any()
