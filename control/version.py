"""The version of the product, as it stands in every audit entry and on every page."""

VERSION = "0.1.0"
