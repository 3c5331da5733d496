"""Rooms, team chat and the support desk from a program of one's own: docs/python.md."""

from chatctl.client.errors import Refused
from chatctl.client.events import RESYNC, Event
from chatctl.client.rooms import RoomClient, Sent
from chatctl.client.support import SupportClient
from chatctl.client.team import TeamClient

__all__ = ["RESYNC", "Event", "Refused", "RoomClient", "Sent", "SupportClient", "TeamClient"]
