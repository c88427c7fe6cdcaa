"""What is watched: gauges read from the database, rules with their tests, and the configuration of the watchers.

Not for: deciding or changing anything. Knows `audit` and `policies`, never the web application.
"""
