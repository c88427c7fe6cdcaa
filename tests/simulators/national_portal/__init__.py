"""The national public-service portal, simulated: state, rules, signatures, and hostile moods."""
