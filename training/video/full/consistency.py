"""Consistency distillation of any model that says x̂₀, as one function of teacher, student and a batch.

Multistep consistency (Heek et al. 2024, "Multistep consistency models", algorithm 1): the way from noise to
picture is cut into as many parts as the student takes steps. From wherever it is in a part, the student jumps
to its end. Two neighbouring places on the teacher's way must lead to the same end.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from models.video.full.samplers import step_to
from models.video.full.schedule import Schedule

Solve = Callable[[Tensor, Tensor], Tensor]
"""x_t and t in, x̂₀ out: a `denoise` with its condition. A guided teacher bakes guidance in."""
Clips = Float[Tensor, "batch frames channels height width"]


def consistency_loss(
    teacher: Solve,
    student: Solve,
    x0: Clips,
    *,
    schedule: Schedule,
    student_steps: int,
    teacher_steps: int,
    random: torch.Generator,
) -> Float[Tensor, ""]:
    """Return how far apart the student's jumps from two neighbouring places land.

    Args:
        teacher: the model that is distilled, guided or not.
        student: the one that learns; only its jump from the noisier place is differentiated.
        x0: a batch of truth.
        schedule: the noise schedule of both.
        student_steps: parts that time is cut into.
        teacher_steps: places in all of time, a multiple of `student_steps`.
        random: draws times and noise, on the CPU.

    Raises:
        ValueError: The teacher's steps are no multiple of the student's.
    """
    if teacher_steps % student_steps:
        raise ValueError(f"{teacher_steps} teacher steps are no multiple of {student_steps} student steps")
    batch, frames = x0.shape[:2]
    place = torch.randint(1, teacher_steps + 1, (batch, 1), generator=random).repeat(1, frames).to(x0.device)
    each = teacher_steps // student_steps
    end = (place - 1) // each * each
    t, s, e = (number / teacher_steps for number in (place, place - 1, end))
    noise = torch.randn(x0.shape, generator=random).to(x0.device)
    alpha, sigma = (part[..., None, None, None] for part in schedule.alpha_sigma(t))
    x_t = alpha * x0 + sigma * noise
    with torch.no_grad():
        x_s = step_to(x_t, teacher(x_t, t), t, s, schedule)
        # At the end of its part a place is its own end; the step from there to itself divides by nothing.
        begun = torch.where(s > e, s, t)
        jumped = step_to(x_s, student(x_s, begun), begun, e, schedule)
        goal = torch.where((s > e)[..., None, None, None], jumped, x_s)
    landed = step_to(x_t, student(x_t, t), t, e, schedule)
    return ((landed - goal) ** 2).mean()
