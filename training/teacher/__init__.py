"""The rules the motion model learns from: a person moved by phones, prosody and published statistics."""
