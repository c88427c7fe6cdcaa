"""Messages to people outside the house, by short message or mail: written with the act, sent after it."""
