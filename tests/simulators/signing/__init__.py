"""A signing service of a telephone operator or a remote signing provider, simulated; imports nothing of the product."""
