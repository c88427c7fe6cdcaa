"""Case files and what is personal in them."""
