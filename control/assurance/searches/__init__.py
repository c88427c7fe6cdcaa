"""Saved searches of the trail: named questions, a person's own or shared with a role they hold."""
