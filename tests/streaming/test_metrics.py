"""`/metrics`: read by Prometheus' own parser; counters never fall, and stages are counted once."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streaming.config import RoomConfig
from streaming.contract import Latency
from streaming.fakes import FakeHost
from streaming.metrics import MACHINE, ROOM, SESSIONS, EndedCounts, joined_figures
from streaming.turn_times import BUCKETS_S, TurnTimes
from tests.streaming.players import playing
from tests.streaming.rooms import open_room, until, visiting


async def scrape(room):
    answer = await room.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in families}) == len(families)
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


async def test_the_room_is_counted():
    async with open_room(FakeHost(places=3, size=64)) as room:
        assert (await scrape(room))[("visavis_sessions",)] == 0
        async with playing(room.http) as one, playing(room.http), visiting(room) as visitor:
            await one.take("video", 10)
            await visitor.take("video", 1)
            found = await scrape(room)
    assert found[("visavis_sessions",)] == 2
    assert found[("visavis_sessions_capacity",)] == 3
    assert found[("visavis_visits",)] == found[("visavis_shows",)] == 1
    assert found[("visavis_viewers",)] == 2
    assert found[("visavis_packets_total",)] >= 10
    assert found[("visavis_pictures_sent_total",)] >= 11
    assert found[("visavis_tier",)] == 0


async def test_counters_do_not_fall_when_sessions_end():
    host = FakeHost(size=64)
    async with open_room(host) as room:
        async with playing(room.http) as player:
            await player.take("video", 10)
            during = await scrape(room)
            await player.stop()
        after = await scrape(room)
    counters = [key for key in during if key[0].endswith("_total")]
    assert counters
    assert all(after[key] >= during[key] for key in counters)
    assert after[("visavis_shows",)] == 0


async def test_the_stages_of_turns_are_histograms():
    async with open_room(FakeHost(size=64)) as room, visiting(room) as visitor:
        for number in (1, 2):
            await visitor.send(type="say", text="hello")
            await until(lambda number=number: len(visitor.said("avatar")) == number)
        found = await scrape(room)
    name, stage = "visavis_turn_stage_seconds", ("stage", "audible")
    assert found[(f"{name}_count", stage)] == 2
    assert found[(f"{name}_sum", stage)] == pytest.approx(0.48)
    assert found[(f"{name}_bucket", ("le", "0.2"), stage)] == 0
    assert found[(f"{name}_bucket", ("le", "0.3"), stage)] == 2
    assert found[(f"{name}_bucket", ("le", "+Inf"), stage)] == 2


def test_a_stage_is_counted_once_in_a_turn():
    times = TurnTimes()
    visit = times.visit()
    visit.note(Latency(1, {"asr_final": 120.0}))
    visit.note(Latency(1, {"asr_final": 120.0, "audible": 12_000.0}))
    visit.note(Latency(2, {"asr_final": 50.0}))
    histograms = times.histograms()
    assert histograms["asr_final"].count == 2
    assert histograms["asr_final"].cumulated()[:3] == [1, 1, 2]
    assert histograms["audible"].cumulated() == [0] * len(BUCKETS_S) + [1]


def test_counters_are_summed_and_the_worst_depth_is_told():
    ended = EndedCounts()
    ended.add({"packets": 100.0, "tier": 3.0})
    joined = joined_figures([{"packets": 5.0, "tier": 0.0}, {"packets": 7.0, "tier": 1.0}], ended.figures())
    assert (joined["packets"], joined["tier"]) == (112.0, 1.0)


def test_names_say_what_they_count_in():
    for metric in (*MACHINE, *ROOM, *SESSIONS):
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert ("seconds" in metric.name) == metric.stat.endswith(("_ms", "_s")), metric


async def test_a_token_is_needed_where_one_is_set():
    async with open_room(FakeHost(size=64), RoomConfig(bearer_token="secret")) as room:
        assert (await room.http.get("/metrics")).status_code == 401
        answer = await room.http.get("/metrics", headers={"Authorization": "Bearer secret"})
        assert answer.status_code == 200
