"""Peers that cannot run here, one real service each, importing nothing of the product; `peer` is what they share."""
