"""Numbered migrations; `upgrade` and `check` are the commands `vonglau db upgrade|check`."""
