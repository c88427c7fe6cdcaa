"""Break-glass: sealed accounts two people open in an emergency, for a time, and somebody else looks at afterwards."""
