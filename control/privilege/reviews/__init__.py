"""Access reviews: asking on time whether each right is still needed, and taking away what nobody answers for."""
