"""Follow one thing through the trail: a person, account, case, grant, session, document, or what else it names."""
