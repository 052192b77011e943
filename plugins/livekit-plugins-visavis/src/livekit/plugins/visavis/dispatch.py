"""What an agent tells the worker that shall speak for it. Nothing of it is secret, for metadata is not."""

import json
from dataclasses import asdict, dataclass
from typing import Final

WORKER_NAME: Final = "visavis-avatar"
"""Agent name under which avatar workers register, unless told otherwise."""
PUBLISH_ON_BEHALF: Final = "lk.publish_on_behalf"
"""Attribute of an avatar's participant that names the agent it speaks for (`livekit.agents.types`)."""


class AssignmentError(ValueError):
    """The metadata of a dispatch is no assignment for an avatar worker; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One avatar for one agent in one room; travels as the metadata of a dispatch."""

    agent_identity: str
    """Participant for whom the avatar speaks, and the only one it takes speech from."""
    avatar_identity: str
    """Identity under which the avatar joins."""
    avatar_name: str
    """Name that people see."""
    avatar: str | None = None
    """Name of the avatar on the worker's machine; None takes the default one."""

    def encode(self) -> str:
        """Return the metadata."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, metadata: str) -> "Assignment":
        """Read the metadata. Raises `AssignmentError`."""
        try:
            assignment = cls(**json.loads(metadata))
        except (TypeError, ValueError) as error:
            raise AssignmentError(f"a dispatch to an avatar worker needs an assignment: {error}") from error
        texts = (assignment.agent_identity, assignment.avatar_identity, assignment.avatar_name)
        if not all(isinstance(text, str) and text for text in texts):
            raise AssignmentError("identities and the name in an assignment are texts, and not empty")
        if not isinstance(assignment.avatar, str | None):
            raise AssignmentError("the avatar in an assignment is a name, or null")
        return assignment
