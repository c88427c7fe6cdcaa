"""The rules on accounts as one versioned set: which text each rests on, who approved it, which is in force."""
