"""What a conversation hears, thinks and speaks with."""

from dataclasses import dataclass

from agent.asr import Asr
from agent.fillers import Fillers
from agent.hearing import Hearing
from agent.history import History
from agent.mind import Mind
from agent.turn_end import TurnEnd
from agent.voice import Voice
from agent.words import Words


@dataclass(frozen=True, slots=True)
class Senses:
    """What a conversation hears, thinks and speaks with; `hearing`, `history` and `fillers` are its own."""

    hearing: Hearing
    asr: Asr
    mind: Mind
    voice: Voice
    history: History
    turn_end: TurnEnd
    words: Words
    fillers: Fillers
    apology: str
