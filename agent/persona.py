"""Who the avatar is: the words that begin every conversation with its mind."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from agent.mind import Message


class Example(BaseModel):
    """One exchange that shows how the persona talks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    visitor: str
    avatar: str


class PersonaConfig(BaseModel):
    """Character, in a prompt short enough for a very small model, and a few examples it can imitate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = "You are {name}, a friendly AI avatar. Answer in one or two short sentences."
    """System prompt; {name} is the avatar's title."""
    examples: tuple[Example, ...] = ()
    """Exchanges shown to the model as if they had happened; small models imitate better than they obey."""
    company: str = "Several people are here. Each message begins with the name of the one who speaks."
    """Added to the prompt where several visitors share the avatar."""
    apology: str = Field(default="Sorry, I lost my train of thought. Could you say that again?", min_length=1)
    """Said when the mind fails."""


def opening(persona: PersonaConfig, name: str, *, company: bool = False) -> Sequence[Message]:
    """Return the messages that stand before the conversation, with the avatar's `name` filled in.

    Args:
        persona: the character.
        name: the avatar's title.
        company: whether several visitors take part.
    """
    prompt = f"{persona.prompt.strip()} {persona.company}" if company else persona.prompt.strip()
    messages = [Message("system", prompt.replace("{name}", name).strip())]
    for example in persona.examples:
        messages.append(Message("user", example.visitor.replace("{name}", name)))
        messages.append(Message("assistant", example.avatar.replace("{name}", name)))
    return messages
