"""visavis in LiveKit rooms: as the avatar of somebody's agent, and as a participant of its own.

What is here needs the extra `livekit`; nothing else imports it.
"""
