"""What the directory says of officers with accounts: moves and leavers become requests, idle accounts are locked."""
