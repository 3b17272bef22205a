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
from api.models.needs import Claim, Claimant, Need, Offer
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
from api.models.points import PointsAccount, PointsDay, PointsEntry, PointsPair, Redemption, Reward
from api.models.teams import Qualification, Team, TeamMember

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
    "Claim",
    "Claimant",
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
    "Need",
    "Notice",
    "Offer",
    "Official",
    "Person",
    "Place",
    "PointsAccount",
    "PointsDay",
    "PointsEntry",
    "PointsPair",
    "Qualification",
    "Redemption",
    "Residency",
    "RiskRating",
    "Reward",
    "Subscription",
    "SubscriptionMessage",
    "Team",
    "TeamMember",
    "Unit",
    "Upload",
    "WechatIdentity",
    "metadata",
]
