"""Single sign-on: electronic identity and the ministry's central authentication, by OpenID Connect.

A provider says who somebody is there; who that is here is a row that the person, or the law's own number, made.
"""
