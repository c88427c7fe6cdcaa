"""The pages for people: every alert and playbook has one, and every name on a page exists."""
