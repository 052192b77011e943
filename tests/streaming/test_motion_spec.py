"""A third reader, written from docs/motion-stream.md alone, reads the vectors: the page is complete."""

import json
import re

from tests.house.repository import ROOT

PAGE = (ROOT / "docs" / "motion-stream.md").read_text("utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
GROUP = [int(digit) for digit in BLOCKS[0].strip()]
PARENT = [int(number) for number in BLOCKS[1].split()]
S = [int(number) for number in re.search(r"`S = ([\d, ]+)`", PAGE)[1].split(",")]
C = [int(number) for number in re.search(r"`C = ([\d, ]+)`", PAGE)[1].split(",")]
TABLES = json.loads(
    (ROOT / "streaming/page/motion-tables.js").read_text().partition("export default ")[2].rstrip(";\n")
)


class Reader:
    def __init__(self, data, chances):
        self.data, self.at, self.range, self.chances = data, 4, 2**32 - 1, chances
        self.code = int.from_bytes((data + bytes(4))[:4], "big")

    def narrow(self, bound):
        bit = self.code >= bound
        self.code, self.range = (self.code - bound, self.range - bound) if bit else (self.code, bound)
        while self.range < 2**24:
            self.code = 256 * self.code + (self.data[self.at] if self.at < len(self.data) else 0)
            self.range, self.at = 256 * self.range, self.at + 1
        return int(bit)

    def plain(self):
        return self.narrow(self.range >> 1)

    def bit(self, i):
        bit = self.narrow((self.range >> 12) * (self.chances[i] >> 4))
        self.chances[i] += -(self.chances[i] >> 5) if bit else 65536 - self.chances[i] >> 5
        return bit

    def rest(self):
        n, number = 0, 1
        while n < 14 and self.plain():
            n += 1
        for _ in range(n):
            number = 2 * number + self.plain()
        return number - 1

    def value(self, k, before, above, is_single):
        near = 3 * min(abs(before), 2) + min(abs(above), 2)
        if not is_single and not self.bit(882 + 9 * k + near):
            return 0
        way = {0: 0, 1: 1, -1: 2}
        sign = lambda number: (number > 0) - (number < 0)  # noqa: E731
        negative = self.bit(1098 + 9 * k + 3 * way[sign(before)] + way[sign(above)])
        size = 1
        while size <= 12 and self.bit(1314 + 12 * k + size - 1):
            size += 1
        size += self.rest() if size > 12 else 0
        return -size if negative else size


def read(packet):
    """Return the rows of a packet in the order of time, in units."""
    assert packet[0] >> 4 == 1
    frames, quality, echoes = (packet[4] >> 4) + 1, packet[5] >> 4, packet[5] & 15
    band = sum(quality >= first for first in (5, 8, 11))
    table = "".join(TABLES["made" if packet[0] & 2 else "tracked"][band])
    reader = Reader(packet[6:], [256 * number + 128 for number in bytes.fromhex(table)])
    spans = [[[0] * 98 for _ in range(count)] for count in (1, frames - 1, echoes)]
    for c in range(98):
        for s, rows in enumerate(spans):
            if not rows:
                continue
            p = PARENT[c]
            parent = 0 if p < 0 else 2 if any(row[p] for row in rows) else 1
            if not reader.bit(3 * (3 * c + s) + parent):
                continue
            before = 0
            for row in rows:
                above = 0 if p < 0 else row[p]
                row[c] = before = reader.value(3 * GROUP[c] + s, before, above, len(rows) == 1)
    shown = add([0] * 98, spans[0] + spans[1], quality)
    return add(shown[0], spans[2], min(quality + 3, 15))[::-1] + shown


def add(before, rows, quality):
    rebuilt = []
    for row in rows:
        steps = [max(1, S[quality] * C[group] + 16 >> 5) for group in GROUP]
        sums = [x + residual * step for x, residual, step in zip(before, row, steps, strict=True)]
        before = [min(max(x, 0), 1024) if c < 52 else min(max(x, -6434), 6434) for c, x in enumerate(sums)]
        rebuilt.append(before)
    return rebuilt


def test_a_reader_of_the_page_reads_the_vectors():
    vectors = json.loads((ROOT / "docs" / "motion-stream-vectors.json").read_text())
    packets = [(packet, rows) for v in vectors for packet, rows in zip(v["packets"], v["read"], strict=True)]
    assert len(packets) > 8
    for packet, rows in packets:
        assert read(bytes.fromhex(packet)) == rows
