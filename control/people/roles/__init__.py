"""Roles: taken from the directory's groups through policies/roles.yaml."""
