"""The national population database, simulated: invented people, rules, signatures, and hostile moods."""
