"""Every table, so that one import fills the metadata."""

from sqlmodel import SQLModel

from api.kit.events import Delivery, Event
from api.kit.idempotency import IdempotencyAnswer, IdempotencyKey
from api.models.calendar import CalendarVersion
from api.models.cases import Case, CaseMessage, CaseNumber, CaseRating, CaseReach
from api.models.content import ContentCheck, MediaVerdict, RiskRating, Upload
from api.models.deadlines import Deadline
from api.models.imports import ImportRun
from api.models.jobs import Job
from api.models.notices import Notice, Subscription, SubscriptionMessage
from api.models.people import (
    Branch,
    Credential,
    Grant,
    Membership,
    Official,
    Person,
    Residency,
    WechatIdentity,
)
from api.models.places import Estate, EstateBuilding, Home, Place, Unit

metadata = SQLModel.metadata

__all__ = [
    "Branch",
    "CalendarVersion",
    "Case",
    "CaseMessage",
    "CaseNumber",
    "CaseRating",
    "CaseReach",
    "ContentCheck",
    "Credential",
    "Deadline",
    "Delivery",
    "Estate",
    "EstateBuilding",
    "Event",
    "Grant",
    "Home",
    "IdempotencyAnswer",
    "IdempotencyKey",
    "ImportRun",
    "Job",
    "MediaVerdict",
    "Membership",
    "Notice",
    "Official",
    "Person",
    "Place",
    "Residency",
    "RiskRating",
    "Subscription",
    "SubscriptionMessage",
    "Unit",
    "Upload",
    "WechatIdentity",
    "metadata",
]
