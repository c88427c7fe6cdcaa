"""Units of the house, and how far a person sees: everything, or the things of their own unit."""
