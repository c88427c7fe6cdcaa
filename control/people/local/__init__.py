"""Passwords of people the directory does not know: citizens, organisations, break-glass people. Never staff."""
