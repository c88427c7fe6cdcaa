"""Access reports: who used which function how often, by day, function, person and unit, over a period."""
