import pickle
from dataclasses import replace

import jaxtyping
import numpy as np
import pytest
from safetensors.numpy import save_file

from models.motion.diffusion.kernels import rotate
from models.motion.diffusion.network import MotionNetwork
from models.motion.diffusion.samplers import SAMPLERS, consistency, ddim, ddpm
from models.motion.diffusion.schedule import alpha_sigma, times
from models.motion.diffusion.shape import NetShape
from models.motion.diffusion.stage import DiffusionMotion, Sampling
from models.motion.frame import MOTION_SIZE
from models.motion.stage import SAMPLES_PER_FRAME, Presence, SpeechChunk
from models.speech.scorer import LoudnessScorer
from tests.motion.voices import buzz, rest, sentence, speak, vectors

pytestmark = pytest.mark.usefixtures("unchecked")
SMALL = NetShape(
    width=16, heads=2, layers=4, window_frames=9, past_frames=2, ahead_frames=3, column_size=8, hidden=12
)


def random_weights(shape: NetShape, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of a network that nobody trained: every output depends on every input."""
    random, w = np.random.default_rng(seed), {}

    def linear(name, out, features):
        w[f"{name}.weight"] = random.normal(0.0, 1.5 / features**0.5, (out, features))
        w[f"{name}.bias"] = random.normal(0.0, 0.1, out)

    width, columns = shape.width, shape.window_columns * shape.column_size
    for name, out, features in (
        ("mel_in", shape.column_size, 80), ("audio_in", shape.hidden, columns),
        ("audio_out", width, shape.hidden), ("style_in", width, shape.style_size),
        ("motion_in", width, MOTION_SIZE), ("past_in", width, MOTION_SIZE), ("step_in", width, width),
        ("step_out", width, width), ("mouth_in", width, width), ("rest_in", width, width),
        ("motion_out", MOTION_SIZE, width), ("before_in", width, 2 * MOTION_SIZE),
        ("level_in", width, 2 * width),
    ):  # fmt: skip
        linear(name, out, features)
    for n in range(shape.layers):
        for name, out, features in (
            ("query_key_value", 3 * width, width), ("merge", width, width),
            ("expand", 4 * width, width), ("contract", width, 4 * width),
        ):  # fmt: skip
            linear(f"layers.{n}.{name}", out, features)
        for name in ("norm_attention", "norm_forward"):
            w[f"layers.{n}.{name}.weight"], w[f"layers.{n}.{name}.bias"] = np.ones(width), np.zeros(width)
    w |= {"norm_out.weight": np.ones(width), "norm_out.bias": np.zeros(width)}
    w |= {"phone_in.weight": random.normal(0.0, 1.0, (shape.phones, shape.column_size))}
    w |= {"presence_in.weight": random.normal(0.0, 1.0, (shape.presences, width))}
    w |= {"carry": random.normal(0.0, 0.02, MOTION_SIZE)}
    w |= {"unheard": random.normal(0.0, 1.0, shape.column_size), "deaf": random.normal(0.0, 1.0, width)}
    w |= {"mel_mean": np.full(80, -8.0), "mel_scale": np.full(80, 3.0)}
    w |= {"motion_mean": np.full(MOTION_SIZE, 0.3), "motion_scale": np.full(MOTION_SIZE, 0.1)}
    return {name: np.asarray(value, np.float32) for name, value in w.items()}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "motion.safetensors"
    save_file(random_weights(SMALL), path, SMALL.metadata())
    return path


@pytest.fixture(params=["guided", "many-step", "gated"])
def motion(request, weights):
    guidance, steps = (1.0, 5) if request.param == "many-step" else (2.0, 2)
    scorer = LoudnessScorer(0.05) if request.param == "gated" else None
    return DiffusionMotion(weights, Sampling("ddpm", steps, guidance, lookahead_frames=3), scorer)


def converse(motion, phones, sizes, seed=3):
    pcm, state = buzz(sentence()), motion.init_state(seed)
    idle, state = rest(motion, state, Presence.IDLE, 0.4, sizes)
    talk, state = speak(motion, state, pcm, phones, sizes)
    listening, state = rest(motion, state, Presence.LISTENING, 0.6, sizes)
    return vectors([*idle, *talk, *listening])


@pytest.mark.parametrize("known", [True, False])
def test_chunked_equals_whole(motion, known):
    phones = sentence() if known else None
    whole = converse(motion, phones, (10_000,))
    for sizes in ((1,), (2, 5), (3, 1, 7)):
        np.testing.assert_allclose(converse(motion, phones, sizes), whole, atol=1e-5)


def test_sound_phones_presence_and_style_all_count(motion):
    phones, pcm = sentence(), buzz(sentence())
    frames = {
        "told": converse(motion, phones, (4,)),
        "untold": converse(motion, None, (4,)),
        "other person": converse(motion, phones, (4,), seed=4),
        "silent": vectors(speak(motion, motion.init_state(3), 0.0 * pcm, None)[0]),
        "sounding": vectors(speak(motion, motion.init_state(3), pcm, None)[0]),
        "listening": vectors(motion.step(SpeechChunk(pcm, Presence.LISTENING), motion.init_state(3))[0]),
    }
    for a, b in (
        ("told", "untold"),
        ("told", "other person"),
        ("silent", "sounding"),
        ("sounding", "listening"),
    ):
        assert np.abs(frames[a] - frames[b]).max() > 0.01, (a, b)


def test_the_future_counts_only_as_far_as_it_may_be_heard(weights):
    random = np.random.default_rng(0)
    now, later = (random.normal(0.0, 0.1, 8 * SAMPLES_PER_FRAME).astype(np.float32) for _ in range(2))

    def last(lookahead_frames, ahead):
        motion = DiffusionMotion(weights, Sampling(lookahead_frames=lookahead_frames))
        chunk = SpeechChunk(now, Presence.SPEAKING, ahead, segment=1)
        return motion.step(chunk, motion.init_state(0))[0][-1].vector()

    far = later.copy()
    far[2 * SAMPLES_PER_FRAME :] *= -3.0
    np.testing.assert_array_equal(last(2, later), last(2, far))
    assert np.abs(last(3, later) - last(3, far)).max() > 1e-4
    np.testing.assert_array_equal(last(0, later), last(0, later[:0]))


def test_what_is_told_late_is_told_of_later_speech(weights):
    """Told a frame late is the same as told in time of speech that begins a frame later."""
    phones, pcm = sentence(), buzz(sentence())
    later = tuple(replace(phone, start_s=phone.start_s + 0.04, end_s=phone.end_s + 0.04) for phone in phones)

    def frames(late_columns, sound, known, lookahead_frames=3):
        motion = DiffusionMotion(
            weights, Sampling(late_columns=late_columns, lookahead_frames=lookahead_frames)
        )
        return vectors(speak(motion, motion.init_state(3), sound, known)[0])[: len(pcm) // SAMPLES_PER_FRAME]

    moved = np.concatenate([np.zeros(SAMPLES_PER_FRAME, np.float32), pcm])
    np.testing.assert_allclose(frames(4, pcm, phones), frames(0, moved, later), atol=1e-4)
    assert np.abs(frames(4, pcm, phones) - frames(0, pcm, phones)).max() > 0.01
    np.testing.assert_array_equal(frames(4, pcm, None), frames(0, pcm, None))
    np.testing.assert_array_equal(frames(4, pcm, phones, 0), frames(0, pcm, phones, 0))


@pytest.mark.parametrize("told", [True, False])
def test_loud_sound_that_is_no_speech_is_heard_as_silence_unless_the_phones_are_known(weights, told):
    random, phones = np.random.default_rng(0), sentence() if told else None
    noise = random.normal(0.0, 0.1, 30 * SAMPLES_PER_FRAME).astype(np.float32)

    def frames(floor, sound):
        motion = DiffusionMotion(weights, Sampling(), None if floor is None else LoudnessScorer(floor))
        return vectors(speak(motion, motion.init_state(3), sound, phones)[0])

    believed, silent = frames(None, noise), frames(None, 0.0 * noise)
    assert np.abs(believed - silent).max() > 0.01
    np.testing.assert_array_equal(frames(1e9, noise), believed if told else silent)


def test_state_is_a_value(motion):
    pcm = buzz(sentence())
    _, state = speak(motion, motion.init_state(5), pcm, sentence(), last=14)
    before = pickle.dumps(state)
    first, _ = speak(motion, state, pcm, sentence(), first=14)
    second, _ = speak(motion, state, pcm, sentence(), first=14)
    assert pickle.dumps(state) == before
    np.testing.assert_array_equal(vectors(first), vectors(second))


def test_one_sentence_has_many_motions_and_one_seed_has_one(motion):
    a, b, again = (converse(motion, sentence(), (4,), seed) for seed in (1, 2, 1))
    np.testing.assert_array_equal(a, again)
    assert np.abs(a - b).max() > 0.01


def test_unset_slots_hold_nan_and_are_never_read(motion):
    state = motion.init_state(0)
    assert np.isnan(state.cache.keys).all()
    frames, state = rest(motion, state, Presence.IDLE, 0.2)
    assert np.isfinite(vectors(frames)).all()
    assert np.isnan(state.cache.keys[:, :, 5:]).all()
    assert np.isfinite(state.cache.keys[:, :, :5]).all()


def test_places_in_time_do_not_run_out(motion):
    """A million frames later the same past means the same: only distances in time count."""
    _, state = rest(motion, motion.init_state(2), Presence.IDLE, 1.0)
    hours = state.cache.keys.shape[2] * 14_000
    turned = replace(
        state, cache=replace(state.cache, frames=state.cache.frames + hours), frame=state.frame + hours
    )
    frames, after = rest(motion, turned, Presence.IDLE, 0.4)
    assert np.isfinite(vectors(frames)).all()
    assert len(pickle.dumps(after)) <= len(pickle.dumps(state)) + 100


def test_distances_in_time_are_exact_after_hours(weights):
    network, random = MotionNetwork.load(weights), np.random.default_rng(0)
    query, key = random.normal(size=(2, 1, 1, 8)).astype(np.float32)

    def score(frame):
        return float((rotate(query, *network.place(frame + 7)) * rotate(key, *network.place(frame))).sum())

    assert score(0) != pytest.approx(float((query * key).sum()), abs=1e-3)
    assert score(10**6) == pytest.approx(score(0), abs=1e-5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_end_on_what_is_certain(name):
    truth = np.arange(5, dtype=np.float32)
    draws = iter(np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32))
    np.testing.assert_allclose(SAMPLERS[name](lambda x, t: truth, lambda _: next(draws), 4), truth, atol=1e-6)


@pytest.mark.parametrize("sampler", [ddim, ddpm])
def test_samplers_draw_from_the_distribution_that_the_denoiser_knows(sampler):
    """For motion that is normal with mean 2 and deviation 0.5, the best denoiser is known in closed form."""
    mean, deviation = 2.0, 0.5

    def denoise(x, t):
        a, b = alpha_sigma(t)
        gain = a * deviation**2 / (a**2 * deviation**2 + b**2)
        return np.asarray(mean + gain * (x - a * mean), np.float32)

    random = np.random.default_rng(0)
    drawn = sampler(denoise, lambda _: random.normal(size=20_000).astype(np.float32), 60)
    assert drawn.mean() == pytest.approx(mean, abs=0.02)
    assert drawn.std() == pytest.approx(deviation, abs=0.03)


def test_consistency_jumps_and_noises_again():
    seen = []
    consistency(lambda x, t: seen.append(t) or x, lambda _: np.zeros(3, np.float32), 4)
    np.testing.assert_allclose(seen, times(4)[:-1])


def test_shapes_are_as_they_are_written(weights):
    jaxtyping.config.update("jaxtyping_disable", False)
    motion = DiffusionMotion(weights)
    frames, _ = motion.step(SpeechChunk(buzz(sentence())[:1280], Presence.SPEAKING), motion.init_state(0))
    assert len(frames) == 2


def test_what_cannot_be_is_refused(weights, tmp_path):
    with pytest.raises(ValueError, match="ddim"):
        Sampling("euler")
    with pytest.raises(ValueError, match=r"at least one|not between"):
        Sampling(steps=0)
    with pytest.raises(ValueError, match="late_columns"):
        Sampling(late_columns=-1)
    motion = DiffusionMotion(weights)
    with pytest.raises(ValueError, match="640-sample frames"):
        motion.step(SpeechChunk(np.zeros(641, np.float32)), motion.init_state(0))
    other = tmp_path / "other.safetensors"
    save_file(random_weights(SMALL), other, replace(SMALL, style_size=3).metadata())
    with pytest.raises(ValueError, match="style_size=3"):
        DiffusionMotion(other)
    save_file({"a": np.zeros(1, np.float32)}, other)
    with pytest.raises(ValueError, match="no motion network"):
        DiffusionMotion(other)
