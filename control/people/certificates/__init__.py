"""Client certificates on signing USB tokens: seen by the reverse proxy, validated here, bound to one person."""
