"""The HTTP interface: who is there, bad offers, full rooms, tokens, origins, headers."""

import pytest

from streaming.config import IceServer, RoomConfig
from streaming.fakes import FakeHost
from tests.streaming.rooms import Visitor, open_room, visiting


async def test_the_page_and_its_parts_are_served_with_headers():
    async with open_room(FakeHost(size=16)) as room:
        page = await room.http.get("/")
        parts = [await room.http.get(f"/page/{name}") for name in ("main.js", "style.css", "icon.svg")]
    assert "<title>visavis</title>" in page.text
    assert [part.status_code for part in parts] == [200, 200, 200]
    for answer in (page, *parts):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", ""), "only the tracker's WebAssembly"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_has_no_inline_script_or_style():
    async with open_room(FakeHost(size=16)) as room:
        html = (await room.http.get("/")).text
    assert "<style" not in html
    assert " style=" not in html
    assert " onclick=" not in html
    assert html.count("<script") == html.count('<script type="module" src="/page/')


async def test_avatars_and_previews():
    async with open_room(FakeHost(size=16)) as room:
        (card,) = (await room.http.get("/api/avatars")).json()
        preview = await room.http.get(card["preview"])
    assert card["name"] == "vera"
    assert preview.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Not an offer"),
        (b'{"sdp": ""}', "sdp"),
        (b'{"sdp": "v=0", "colour": 1}', "colour"),
        (b'{"sdp": "v=0\\r\\n"}', "lacks audio and video"),
        (b'{"sdp": "nonsense"}', "offer"),
        (b'{"sdp": "m=audio"}', "no SDP"),
    ],
)
async def test_bad_offers_are_refused_with_a_reason(body, words):
    host = FakeHost(size=16)
    async with open_room(host) as room:
        answer = await room.http.post("/api/offer", content=body)
        assert answer.status_code == 400
        assert words in answer.json()["message"]
        assert all(partner.closed for partner in host.partners), "a refused visitor takes no place"


async def test_an_offer_that_is_too_long_is_not_read():
    async with open_room(FakeHost(size=16)) as room:
        answer = await room.http.post("/api/offer", content=b"x" * 200_000)
    assert answer.status_code == 413


async def test_an_unknown_avatar_is_answered_with_the_known_ones():
    async with open_room(FakeHost(size=16)) as room:
        visitor = Visitor(room)
        answer = await visitor.join("nobody")
        await visitor.leave()
    assert answer.status_code == 404
    assert "there are: vera" in answer.json()["message"]


async def test_a_full_room_says_so():
    async with open_room(FakeHost(places=1, size=16)) as room, visiting(room):
        late = Visitor(room)
        answer = await late.join()
        await late.leave()
    assert answer.status_code == 503
    assert "1 places are taken" in answer.json()["message"]
    assert answer.headers["retry-after"] == "10"


async def test_ice_servers_are_told_to_the_page():
    turn = IceServer(urls=("turns:turn.example.org:443?transport=tcp",), username="u", credential="c")
    async with open_room(FakeHost(size=16), RoomConfig(ice_servers=(turn,), jitter_target_ms=80)) as room:
        ice = (await room.http.get("/api/ice")).json()
    assert ice["ice_servers"] == [{"urls": list(turn.urls), "username": "u", "credential": "c"}]
    assert ice["jitter_target_ms"] == 80


async def test_a_token_is_needed_where_one_is_set():
    async with open_room(FakeHost(size=16), RoomConfig(bearer_token="secret")) as room:
        refused = await room.http.get("/api/avatars")
        wrong = await room.http.get("/api/avatars", headers={"Authorization": "Bearer guess"})
        right = await room.http.get("/api/avatars", headers={"Authorization": "Bearer secret"})
        page = await room.http.get("/")
        health = await room.http.get("/api/health")
    assert [a.status_code for a in (refused, wrong, right, page, health)] == [401, 401, 200, 200, 200]
    assert "complete link" in refused.json()["message"]


async def test_foreign_origins_are_refused_unless_allowed():
    config = RoomConfig(allowed_origins=("https://friend.example",))
    async with open_room(FakeHost(size=16), config) as room:
        own = str(room.http.base_url).rstrip("/")
        codes = [
            (await room.http.get("/api/avatars", headers={"Origin": origin})).status_code
            for origin in (own, "https://friend.example", "https://evil.example")
        ]
    assert codes == [200, 200, 403]


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_unknown_calls_get_json_too(method):
    async with open_room(FakeHost(size=16)) as room:
        answer = await room.http.request(method, "/api/offer")
    assert answer.status_code == 405
    assert answer.json()["message"]
