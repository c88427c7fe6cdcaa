"""The wire to the national portal: send a message, keep it until it is settled, know when the portal last answered."""

from control.portal.link.service import LinkState, enqueue_message, link_state

__all__ = ["LinkState", "enqueue_message", "link_state"]
