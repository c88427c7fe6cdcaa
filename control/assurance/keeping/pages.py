"""All pages of keeping under one blueprint: importing the three modules gives it its routes."""

from control.assurance.keeping import deciding, holding
from control.assurance.keeping.routes import keeping

__all__ = ["deciding", "holding", "keeping"]
