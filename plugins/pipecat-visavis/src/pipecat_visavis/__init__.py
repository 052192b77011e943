"""A face for Pipecat bots, from a running visavis."""

from pipecat_visavis.service import VisavisVideoService

__all__ = ["VisavisVideoService"]
