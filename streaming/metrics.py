"""`GET /metrics`: what the room counts, in Prometheus' text format.

The format is https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4), and units are its base
units. Sessions come and go and their keys are secrets, so their figures are joined: counters are summed and
never fall, of depths and times the worst is told.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streaming.turn_times import BUCKETS_S, TurnTimes

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One exported figure."""

    stat: str
    """Its name in `stats()`."""
    name: str
    """Its name here, without `visavis_`."""
    help: str
    kind: Literal["counter", "gauge"] = "gauge"
    scale: float = 1.0
    """From the stat's unit to the base unit."""


def _counter(stat: str, name: str, help: str, scale: float = 1.0) -> Metric:
    return Metric(stat, f"{name}_total", help, "counter", scale)


MACHINE: Final = (
    Metric("sessions", "sessions", "Sessions that have a place on this machine."),
    Metric("sessions_capacity", "sessions_capacity", "Sessions that fit at the measured cost of a frame."),
    Metric("guests", "guests", "Guests of sessions that others see too, without the first of each."),
    Metric("frame_cost_ms", "frame_cost_seconds", "Mean seconds of one core for a frame.", scale=1e-3),
    Metric("compute_depth", "compute_waiting_jobs", "Jobs that wait for a thread."),
    Metric("compute_running", "compute_running_jobs", "Jobs that run."),
    _counter("compute_busy_s", "compute_busy_seconds", "Seconds of work done by all threads."),
)
"""Told by the host."""
ROOM: Final = (
    Metric("visits", "visits", "Visits that go on."),
    _counter("visits_opened", "visits_opened", "Visits answered since the room opened."),
    Metric("gatherings", "gatherings", "Gatherings of several guests that go on."),
    Metric("shows", "shows", "Shows that run, gatherings included."),
    _counter("shows_opened", "shows_opened", "Shows begun since the room opened."),
    Metric("viewers", "viewers", "Players that watch a show by WHEP."),
    Metric("publishers", "publishers", "Publishers that drive a show by WHIP."),
    Metric("avatars", "avatars", "Avatars lent to programs by the avatar socket."),
    _counter("avatars_opened", "avatars_opened", "Avatars lent since the room opened."),
    Metric("push_live", "push_live", "1 while a show is being pushed to a WHIP endpoint."),
    _counter("push_attempts", "push_attempts", "How often a push was begun."),
    Metric("recordings", "recordings", "Recordings that go on."),
    Metric("recording_depth", "recording_waiting_packets", "Packets that wait for the recordings' encoder."),
    Metric("recording_dropped", "recording_dropped_packets", "Packets of running recordings without place."),
)
"""Told by the room server."""
SESSIONS: Final = (
    _counter("packets", "packets", "Packets handed out, each a picture and its 40 ms of sound."),
    _counter("late_frames", "late_frames", "Pictures not ready in time; the one before was shown again."),
    _counter("starved_frames", "starved_frames", "Frames of speech whose sound had not come."),
    _counter("dropped_frames", "dropped_frames", "Frames prepared and dropped by an interruption."),
    _counter("skipped_frames", "skipped_frames", "Frames by which media time jumped, nobody consuming."),
    _counter("unmoved_frames", "unmoved_frames", "Frames shown before their motion was made."),
    _counter("motion_errors", "motion_errors", "Chunks for which the motion stage failed."),
    _counter("picture_errors", "picture_errors", "Pictures for which the picture stage failed."),
    _counter("inbox_dropped", "inbox_dropped", "Inputs of visitors that found no place."),
    _counter("events_dropped", "events_dropped", "Events for pages that found no place."),
    _counter("pictures_sent", "pictures_sent", "Pictures handed to an encoder."),
    _counter("pictures_dropped", "pictures_dropped", "Pictures replaced before an encoder took them."),
    _counter("sound_dropped_ms", "sound_dropped_seconds", "Sound that found no place.", 1e-3),
    _counter(
        "ear_dropped_ms", "ear_dropped_seconds", "Visitors' voices that came too late to be nodded at.", 1e-3
    ),
    _counter("published_dropped_ms", "published_dropped_seconds", "Publishers' sound left out.", 1e-3),
    _counter("voice_dropped_ms", "voice_dropped_seconds", "Guests' voices not sent to the others.", 1e-3),
    _counter("floor_refused", "floor_refused", "Contributions of guests for which too many waited."),
    _counter("bad_messages", "bad_messages", "Messages of pages that were none."),
    Metric("tier", "tier", "Quality tier, 0 full to 3 still; the worst."),
    Metric("speech_waiting_s", "speech_waiting_seconds", "Speech pushed and not yet heard; the most."),
    Metric("segments_waiting", "segments_waiting", "Utterances not finished; the most."),
    Metric("planned_frames", "planned_frames", "Frames planned and not handed out; the most."),
    Metric("speeches_waiting", "speeches_waiting", "Requests to speak that wait in a show; the most."),
    Metric("floor_waiting", "floor_waiting", "Contributions that wait for a gathering's floor; the most."),
    Metric("inbox_depth", "inbox_depth", "Inputs of a visitor that wait; the most."),
    Metric("events_depth", "events_depth", "Events that wait for a page; the most."),
    Metric(
        "sound_buffer_ms", "sound_buffer_seconds", "Sound that waits for the network; the most.", scale=1e-3
    ),
    Metric(
        "ear_depth_ms",
        "ear_waiting_seconds",
        "Voices that wait for the motion; the most.",
        scale=1e-3,
    ),
    Metric(
        "av_offset_ms",
        "av_offset_seconds",
        "Pictures against sound on a page; the worst.",
        scale=1e-3,
    ),
    Metric("motion_p95_ms", "motion_p95_seconds", "Time of motion for a frame, p95; the worst.", scale=1e-3),
    Metric("picture_p95_ms", "picture_p95_seconds", "Time of a picture, p95; the worst.", scale=1e-3),
    Metric("handout_p95_ms", "handout_p95_seconds", "Lateness of packets, p95; the worst.", scale=1e-3),
)
"""Told by visits, shows, lent avatars, viewers and publishers, joined."""


class EndedCounts:
    """What sessions had counted when they ended, so that sums never fall."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}

    def add(self, figures: Figures) -> None:
        """Keep the counters of a session that ends."""
        for metric in SESSIONS:
            if metric.kind == "counter" and metric.stat in figures:
                self._sums[metric.stat] = self._sums.get(metric.stat, 0.0) + figures[metric.stat]

    def figures(self) -> Figures:
        """Return the sums by name."""
        return self._sums


class MetricsApi:
    """Answers `GET /metrics`.

    Args:
        machine: figures of the host.
        room: figures of the room server.
        sessions: figures of everything that runs.
        ended: what no longer runs.
        times: how long the stages of turns took.
    """

    def __init__(
        self,
        machine: Callable[[], Figures],
        room: Callable[[], Figures],
        sessions: Callable[[], Iterable[Figures]],
        ended: EndedCounts,
        times: TurnTimes,
    ) -> None:
        self._machine = machine
        self._room = room
        self._sessions = sessions
        self._ended = ended
        self._times = times

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/metrics", self.metrics, methods=["GET"])]

    async def metrics(self, _: Request) -> Response:
        """Return every figure there is at this moment."""
        joined = joined_figures(list(self._sessions()), self._ended.figures())
        lines = [
            line
            for metrics, figures in ((MACHINE, self._machine()), (ROOM, self._room()), (SESSIONS, joined))
            for metric in metrics
            if metric.stat in figures
            for line in _lines(metric, figures[metric.stat])
        ]
        return Response("\n".join([*lines, *times_lines(self._times)]) + "\n", media_type=CONTENT_TYPE)


def joined_figures(sessions: list[Figures], ended: Figures) -> dict[str, float]:
    """Sum counters over what runs and what ended; take the largest of everything else."""
    joined = {}
    for metric in SESSIONS:
        values = [figures[metric.stat] for figures in sessions if metric.stat in figures]
        if metric.kind == "counter":
            joined[metric.stat] = sum(values) + ended.get(metric.stat, 0.0)
        else:
            joined[metric.stat] = max(values, default=0.0)
    return joined


def times_lines(times: TurnTimes) -> list[str]:
    """Return one histogram for each stage of a turn."""
    name = "visavis_turn_stage_seconds"
    lines = [
        f"# HELP {name} Time from the visitor's last word until a stage of the answer was reached.",
        f"# TYPE {name} histogram",
    ]
    for stage, histogram in times.histograms().items():
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), histogram.cumulated(), strict=True):
            lines.append(f'{name}_bucket{{stage="{stage}",le="{bound}"}} {count}')
        lines.append(f'{name}_sum{{stage="{stage}"}} {histogram.sum_s:.6g}')
        lines.append(f'{name}_count{{stage="{stage}"}} {histogram.count}')
    return lines


def _lines(metric: Metric, value: float) -> list[str]:
    name = f"visavis_{metric.name}"
    return [
        f"# HELP {name} {metric.help}",
        f"# TYPE {name} {metric.kind}",
        f"{name} {value * metric.scale:.10g}",
    ]
