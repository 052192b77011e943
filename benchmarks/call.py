"""What a call costs on the wire, and what is left of the lips: motion and Opus voice, all headers counted.

Run with `visavis bench call --json`, or `python -m benchmarks.call`; `--clips DIR` calls the people of a
folder, tracked, instead of made ones. Time is virtual: nothing here depends on the machine.

    motion_kbps   motion on a data channel at the default settings, from IP to payload; `_unseen` of those
                  people whose motion the tables of chances were not counted on
    voice_kbps    Opus over SRTP, 60 ms a packet
    aperture      correlation of the lips' opening, on the body, before the codec and after; mean of the clips
    lines         the same on bad lines, with the longest time the same picture stood
    riding        motion inside the voice's packets, of 40 ms: the page's way; `_twice` on bad lines
    thrifty       the same in packets of 120 ms
    sweep         target, what was sent, and what was left
    pictures      with --pictures: the person drawn from what came, and coded by H.264 and VP8, against the
                  camera

With `--live` real calls go through a room of this machine to a real browser instead; see `call_live`.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import uvloop
from rich.console import Console

from agent.calling.send import RIDING
from benchmarks.call_link import Call, Line, call, settings
from benchmarks.call_people import Person, made_people, tracked_people
from benchmarks.call_voice import voice_bytes
from streaming.motion.config import MotionConfig
from streaming.motion.wire import DATA_CHANNEL, MQTT, WITH_VOICE, Wire

PLAYOUT_TICKS: Final = 7
"""280 ms from what is seen to what is shown: 120 to fill a packet, 40 to 80 on the line, and a rest."""
PATIENT_TICKS: Final = 9
"""80 ms more: the echoes of a lost packet mostly come in time."""
OUTAGE: Final = (60, 110)
LINES: Final = {
    "clear": Line(),
    "loss 10 %": Line(loss=0.1),
    "loss 30 %": Line(loss=0.3),
    "outage 2 s": Line(outage=OUTAGE),
}
WAYS: Final = ("browser", "program", "mqtt")
"""Who calls with `--live`; see `call_live`."""
TARGETS_BPS: Final = (1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000)


class Measurement:
    """Calls all people in one call after another, and compares each with what came."""

    def __init__(self, who: list[Person]) -> None:
        self._who = who
        self._motion = np.concatenate([person.motion for person in who])
        self._sound = np.concatenate([person.sound for person in who])
        self._aperture = _apertures(self._motion)

    @property
    def seconds(self) -> float:
        """Length of the call."""
        return len(self._motion) / 25

    def call(self, config: MotionConfig, line: Line, playout_ticks: int = PLAYOUT_TICKS) -> Call:
        """Call everybody over a line."""
        return call(self._motion, self._sound, config, line, playout_ticks)

    def kbps(self, made: Call, wire: Wire) -> float:
        """Return what the call's motion took on a wire."""
        return 0.008 * sum(wire.weigh(len(packet)) for packet in made.packets) / self.seconds

    def voice_kbps(self, kbps: int, packet_ms: int) -> float:
        """Return what Opus takes on the wire."""
        return 0.008 * sum(voice_bytes(self._sound, kbps, packet_ms)) / self.seconds

    def aperture(self, made: Call) -> list[float]:
        """Return each person's correlation of the lips' opening."""
        shown, at, found = _apertures(made.shown), 0, []
        for person in self._who:
            part = slice(at, at + len(person.motion))
            found.append(float(np.corrcoef(self._aperture[part], shown[part])[0, 1]))
            at += len(person.motion)
        return found

    def head_error_deg(self, made: Call) -> float:
        """Return the mean error of the head's turn."""
        return float(np.degrees(np.abs(made.shown - self._motion)[:, 61:64].mean()))


def _apertures(motion: np.ndarray) -> np.ndarray:
    from training.evaluation.body_face import aperture_of, face_points

    return aperture_of(face_points(motion[:, :52]))


def measure(who: list[Person]) -> dict[str, Any]:
    """Return all figures."""
    of = Measurement(who)
    default = of.call(MotionConfig(), LINES["clear"])
    unseen = Measurement(sorted(who, key=lambda person: person.name)[1::2] or who)
    mqtt = of.call(settings(overhead_bytes=MQTT.overhead_bytes), LINES["clear"])
    motion, voice = of.kbps(default, DATA_CHANNEL), of.voice_kbps(12, 60)
    return {
        "people": len(who),
        "seconds": round(of.seconds, 1),
        "motion_kbps": round(motion, 2),
        "motion_kbps_unseen": round(unseen.kbps(unseen.call(MotionConfig(), Line()), DATA_CHANNEL), 2),
        "voice_kbps": round(voice, 2),
        "total_kbps": round(motion + voice, 2),
        "motion_payload_kbps": round(0.008 * sum(map(len, default.packets)) / of.seconds, 2),
        "motion_mqtt_kbps": round(of.kbps(mqtt, MQTT), 2),
        "aperture": round(float(np.mean(of.aperture(default))), 4),
        "aperture_worst": round(min(of.aperture(default)), 4),
        "head_error_deg": round(of.head_error_deg(default), 3),
        "playout_ms": 40 * PLAYOUT_TICKS,
        "lines": {name: _on_line(of, line) for name, line in LINES.items()},
        "riding": _riding(of),
        "thrifty": _thrifty(of),
        "sweep": [_at_target(of, target) for target in TARGETS_BPS],
        "by_person": {
            person.name: round(value, 4) for person, value in zip(who, of.aperture(default), strict=True)
        },
    }


def _on_line(of: Measurement, line: Line) -> dict[str, float]:
    made, patient = of.call(MotionConfig(), line), of.call(MotionConfig(), line, PATIENT_TICKS)
    return {
        "aperture": round(float(np.mean(of.aperture(made))), 4),
        f"aperture_at_{40 * PATIENT_TICKS}_ms": round(float(np.mean(of.aperture(patient))), 4),
        "longest_freeze_ms": made.longest_freeze_ms,
        "lost_packets": made.counts["motion_lost_packets"],
        "concealed": round(made.counts["motion_concealed_frames"] / made.counts["motion_drawn_frames"], 3),
    }


def _riding(of: Measurement) -> dict[str, float]:
    """Send as the page does: motion rides on packets of voice of 40 ms, a look at every second tick."""
    found = _in_voice(of, settings(**RIDING), of.voice_kbps(12, 40))
    return {**found, "motion_kbps_twice": round(2 * found["motion_kbps"], 2)}


def _thrifty(of: Measurement) -> dict[str, float]:
    """Send rarer packets, and fewer bits of voice."""
    config = settings(**{**RIDING, "packet_ticks": 3, "target_bps": 4000})
    return _in_voice(of, config, of.voice_kbps(8, 120))


def _in_voice(of: Measurement, config: MotionConfig, voice: float) -> dict[str, float]:
    """Return figures of motion that pays for no headers but its own."""
    made = of.call(config, Line())
    motion = of.kbps(made, WITH_VOICE)
    return {
        "motion_kbps": round(motion, 2),
        "voice_kbps": round(voice, 2),
        "total_kbps": round(motion + voice, 2),
        "aperture": round(float(np.mean(of.aperture(made))), 4),
    }


def _at_target(of: Measurement, target_bps: int) -> dict[str, float]:
    """Let rate control meet a target with motion inside voice packets; any quality, any frame rate."""
    config = settings(finest=0, coarsest=12, target_bps=target_bps, overhead_bytes=WITH_VOICE.overhead_bytes)
    made = of.call(config, Line())
    return {
        "target_kbps": target_bps / 1000,
        "motion_kbps": round(of.kbps(made, WITH_VOICE), 2),
        "data_channel_kbps": round(of.kbps(made, DATA_CHANNEL), 2),
        "aperture": round(float(np.mean(of.aperture(made))), 4),
        "head_error_deg": round(of.head_error_deg(made), 3),
    }


def main(argv: list[str] | None = None) -> None:
    """Measure, and print JSON: one line, or indented."""
    parser = argparse.ArgumentParser(prog="visavis bench call", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--clips", type=Path, help="folder of videos of people who speak")
    parser.add_argument("--speech", type=Path, help="folder of recordings for made people to speak")
    parser.add_argument("--keep", type=Path, help="write the motion to an .npz file for streaming.motion.fit")
    parser.add_argument("--plot", type=Path, help="draw a PNG file; with --clips H.264 and VP8 are in it")
    parser.add_argument("--pictures", type=Path, help="with --clips: draw PSNR, LPIPS and landmarks, too")
    parser.add_argument("--live", action="store_true", help="call a real browser through a room")
    parser.add_argument(
        "--way", choices=WAYS, action="append", help="with --live: who calls; again for more, all by default"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement with --live")
    arguments = parser.parse_args(argv)
    if arguments.live:
        from benchmarks.call_live import measure_live

        _report(
            uvloop.run(measure_live(tuple(arguments.way or WAYS), arguments.seconds)), as_json=arguments.json
        )
        return
    who = tracked_people(arguments.clips) if arguments.clips else made_people(arguments.speech)
    if arguments.keep:
        kept: dict[str, Any] = {person.name: person.motion for person in who}
        np.savez(arguments.keep, **kept)
    figures = measure(who)
    if arguments.plot:
        from benchmarks.call_plot import as_points, plot, video_curves

        videos = video_curves(arguments.clips) if arguments.clips else {}
        figures["video"] = as_points(videos)
        plot(figures["sweep"], (figures["motion_kbps"], figures["aperture"]), videos, arguments.plot)
    if arguments.pictures and arguments.clips:
        from benchmarks.call_pictures import measure_pictures
        from benchmarks.call_plot import plot_pictures

        looks = figures["pictures"] = measure_pictures(arguments.clips, Console(stderr=True).print)
        plot_pictures(looks["points"], arguments.pictures)
    _report(figures, as_json=arguments.json)


def _report(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
    else:
        Console().print_json(json.dumps(figures))


if __name__ == "__main__":
    main()
