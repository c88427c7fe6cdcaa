"""Tables of this wing, gathered for the metadata."""

from control.people.directory.models import DirectoryContact, DirectoryListing, Person
from control.people.factors.models import Factor
from control.people.roles.models import PersonRole
from control.people.sessions.models import LoginSession
from control.people.signin.models import PendingSignIn, SignInTry

__all__ = [
    "DirectoryContact",
    "DirectoryListing",
    "Factor",
    "LoginSession",
    "PendingSignIn",
    "Person",
    "PersonRole",
    "SignInTry",
]
