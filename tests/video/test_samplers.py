"""Schedules, samplers and parametrisations, on a distribution whose every step is known."""

import pytest

torch = pytest.importorskip("torch")

from models.video.full.prediction import target, to_x0  # noqa: E402  (after what may be missing)
from models.video.full.samplers import SAMPLERS, guided  # noqa: E402
from models.video.full.schedule import Cosine, ScaledLinear  # noqa: E402

MEAN, DEVIATION = 0.4, 0.3
SCHEDULES = (Cosine(), Cosine(shift=2.0), Cosine(end=0.98), ScaledLinear())


def posterior_mean(schedule, mean=MEAN):
    """Return the exact `denoise` of pixels that are normal and independent."""

    def denoise(x, t, cond):
        alpha, sigma = (part[..., None, None, None] for part in schedule.alpha_sigma(t))
        gain = DEVIATION**2 * alpha / (alpha**2 * DEVIATION**2 + sigma**2)
        return mean + gain * (x - alpha * mean)

    return denoise


def noises(seed=0, pixels=64):
    random = torch.Generator().manual_seed(seed)
    return lambda number: torch.randn(2, 3, 1, pixels, pixels, generator=random)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_schedules_keep_the_variance_and_only_add_noise(schedule):
    alpha, sigma = schedule.alpha_sigma(torch.linspace(0, 1, 101))
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(101))
    assert (sigma.diff() > 0).all()
    assert sigma[0] < 0.03
    assert alpha[-1] < 0.07


def test_a_shift_hides_what_it_says():
    t = torch.tensor([0.2, 0.5, 0.8])
    (a, b), (c, d) = Cosine().alpha_sigma(t), Cosine(shift=4.0).alpha_sigma(t)
    torch.testing.assert_close(d / c, 4 * b / a)


def test_the_schedule_of_stable_diffusion_is_its_own():
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000
    ).alphas_cumprod
    schedule, steps = ScaledLinear(), torch.arange(1000)
    t = steps.double() / 999
    alpha, _ = schedule.alpha_sigma(t)
    torch.testing.assert_close(alpha**2, theirs.double(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(schedule.step(t), steps.double())


@pytest.mark.parametrize("schedule", SCHEDULES[:3], ids=str)
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_draw_from_the_distribution(name, schedule):
    drawn = SAMPLERS[name](posterior_mean(schedule), None, noises(), schedule, 300)
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(drawn.std()) == pytest.approx(DEVIATION, rel=0.05)


def test_only_ddpm_adds_noise_on_the_way():
    def once(seed):
        first, later = noises(0), noises(seed)
        return lambda number: first(0) if number == 0 else later(number)

    for name, differs in (("ddim", False), ("ddpm", True)):
        drawn = [SAMPLERS[name](posterior_mean(Cosine()), None, once(s), Cosine(), 5) for s in (1, 2)]
        assert bool((drawn[0] - drawn[1]).abs().max() > 0.1) is differs


def test_a_step_too_few_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        SAMPLERS["ddim"](posterior_mean(Cosine()), None, noises(), Cosine(), 0)


@pytest.mark.parametrize("prediction", ["x0", "eps", "v"])
def test_predictions_agree_on_the_picture(prediction):
    x0, noise = torch.randn(2, 2, 3, 2, 2, 2).unbind()
    alpha, sigma = (part[..., None, None, None] for part in Cosine().alpha_sigma(torch.full((2, 3), 0.7)))
    x = alpha * x0 + sigma * noise
    said = target(prediction, x0, noise, alpha, sigma)
    torch.testing.assert_close(to_x0(prediction, said, x, alpha, sigma), x0)


def test_guidance_goes_beyond_what_is_told():
    def denoise(x, t, cond):
        return torch.full_like(x, cond)

    x, t = torch.zeros(1, 1, 1, 1, 1), torch.ones(1, 1)
    assert float(guided(denoise, 1.0, 2.5)(x, t, 3.0)) == pytest.approx(1 + 2.5 * 2)
    assert guided(denoise, 1.0, 1.0) is denoise
