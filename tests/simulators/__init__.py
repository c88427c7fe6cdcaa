"""Peers that cannot run here, one real HTTP service each, importing nothing of the product."""
