"""What the frame gives the core to join; its pages come with `install`."""

from __future__ import annotations

from control.frame.messages import MESSAGES

__all__ = ["MESSAGES"]
