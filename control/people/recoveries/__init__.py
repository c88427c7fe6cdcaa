"""A forgotten password of an applicant: a new one by two registered things, or by two officers; never by one alone."""
