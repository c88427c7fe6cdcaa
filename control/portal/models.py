"""Tables of this wing, gathered for the metadata."""

from control.portal.link.models import PortalExchange, PortalMessage

__all__ = ["PortalExchange", "PortalMessage"]
