"""Open the personal values that are sealed beside an entry: by the entitled, for a stated purpose, on record first."""
