"""The directory: who works here, asked over a channel that is always checked."""
