"""Tables of this wing, gathered for the metadata."""

from control.people.certificates.models import ClientCertificate
from control.people.citizens.models import CitizenAccount, CitizenRegistration, ContactCode, DormancyWarning
from control.people.directory.models import DirectoryContact, DirectoryListing, Person
from control.people.factors.models import (
    EnrolmentCode,
    Factor,
    FactorReset,
    KeyChallenge,
    PersonNotice,
    RecoveryCode,
)
from control.people.issues.models import AccountIssue
from control.people.local.models import LocalPassword
from control.people.locks.models import PersonLock
from control.people.oidc.models import ExternalIdentity, ProviderKeys, ProviderQuestion
from control.people.outbox.models import OutgoingMessage
from control.people.recoveries.models import PasswordRecovery
from control.people.roles.models import PersonRole
from control.people.scope.models import Unit
from control.people.seniors.models import SeniorAccount, SeniorRight
from control.people.sessions.models import LoginSession
from control.people.signin.models import KnownDevice, PendingSignIn, SignInTry
from control.people.signing.models import SigningQuestion
from control.people.stepup.models import StepUp

__all__ = [
    "AccountIssue",
    "CitizenAccount",
    "CitizenRegistration",
    "ClientCertificate",
    "ContactCode",
    "DirectoryContact",
    "DirectoryListing",
    "DormancyWarning",
    "EnrolmentCode",
    "ExternalIdentity",
    "Factor",
    "FactorReset",
    "KeyChallenge",
    "KnownDevice",
    "LocalPassword",
    "LoginSession",
    "OutgoingMessage",
    "PasswordRecovery",
    "PendingSignIn",
    "Person",
    "PersonLock",
    "PersonNotice",
    "PersonRole",
    "ProviderKeys",
    "ProviderQuestion",
    "RecoveryCode",
    "SeniorAccount",
    "SeniorRight",
    "SignInTry",
    "SigningQuestion",
    "StepUp",
    "Unit",
]
