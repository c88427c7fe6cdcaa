"""The gateway for short messages and the desks that vouch for numbers, simulated; imports nothing of the product."""
