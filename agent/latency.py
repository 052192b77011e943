"""When each stage of a turn was reached, counted from the visitor's last word: `user_stop` is 0."""

from streaming.contract import Latency

STAGES = (
    "vad_end", "asr_final", "llm_first_token", "tts_first_pcm", "motion_first", "video_first", "audible",
)  # fmt: skip
"""The end of speech is believed; its words are known; the mind begins to answer; the first sound of the
answer is made; its first motion; its first picture; the session hands both out. What is begun on suspicion
may be reached before the end is believed. `streaming.send_times` adds `webrtc_first`: the network has it."""


class TurnClock:
    """Stopwatch of one turn."""

    def __init__(self, turn: int, user_stop_s: float) -> None:
        self._turn = turn
        self._zero_s = user_stop_s
        self._stages_ms: dict[str, float] = {}

    def mark(self, stage: str, now_s: float) -> Latency | None:
        """Note that `stage` is reached; returns what to tell, or None when it was reached before.

        Raises:
            ValueError: for a stage that is none of `STAGES`.
        """
        if stage not in STAGES:
            raise ValueError(f"no stage {stage!r}; stages are {', '.join(STAGES)}")
        if stage in self._stages_ms:
            return None
        self._stages_ms[stage] = round(1000 * (now_s - self._zero_s), 1)
        return Latency(self._turn, dict(self._stages_ms))
