"""Every table, so that one import fills the metadata."""

from sqlmodel import SQLModel

from api.kit.events import Delivery, Event
from api.kit.idempotency import IdempotencyAnswer, IdempotencyKey
from api.models.calendar import CalendarVersion
from api.models.case_requests import CaseRequest, CaseTask, CaseUrge
from api.models.cases import Case, CaseMessage, CaseNumber, CaseRating, CaseReach
from api.models.content import ContentCheck, MediaVerdict, RiskRating, Upload
from api.models.deadlines import Deadline
from api.models.imports import ImportRun
from api.models.jobs import Job
from api.models.joining import CaseSupport
from api.models.needs import Claim, Claimant, Need, Offer
from api.models.notices import Notice, NoticePreference, SubscriptionConsent, SubscriptionMessage
from api.models.people import (
    Branch,
    Credential,
    Grant,
    HouseholdLine,
    Membership,
    Official,
    Person,
    Residency,
    WechatIdentity,
)
from api.models.places import Estate, EstateBuilding, Home, Place, Unit
from api.models.points import PointsAccount, PointsDay, PointsEntry, PointsPair, Redemption, Reward
from api.models.polls import (
    Ballot,
    Caster,
    Elector,
    Mark,
    PaperEntry,
    Poll,
    PollKey,
    Proxy,
    ProxyLoad,
    Representative,
)
from api.models.privacy import DataExport, Erasure, PrivacyConsent
from api.models.sealing import EventLeaf, PollRecord, Seal, SealedLeaf
from api.models.search import CaseWords
from api.models.statistics import CaseExclusion
from api.models.teams import Qualification, Team, TeamMember
from api.models.wechat import ProgramCode, WechatPush

metadata = SQLModel.metadata

__all__ = [
    "Ballot",
    "Branch",
    "CalendarVersion",
    "Case",
    "CaseExclusion",
    "CaseMessage",
    "CaseNumber",
    "CaseRating",
    "CaseReach",
    "CaseRequest",
    "CaseSupport",
    "CaseTask",
    "CaseUrge",
    "CaseWords",
    "Caster",
    "Claim",
    "Claimant",
    "ContentCheck",
    "Credential",
    "DataExport",
    "Deadline",
    "Delivery",
    "Elector",
    "Erasure",
    "Estate",
    "EstateBuilding",
    "Event",
    "EventLeaf",
    "Grant",
    "Home",
    "HouseholdLine",
    "IdempotencyAnswer",
    "IdempotencyKey",
    "ImportRun",
    "Job",
    "Mark",
    "MediaVerdict",
    "Membership",
    "Need",
    "Notice",
    "NoticePreference",
    "Offer",
    "Official",
    "PaperEntry",
    "Person",
    "Place",
    "PointsAccount",
    "PointsDay",
    "PointsEntry",
    "PointsPair",
    "Poll",
    "PollKey",
    "PollRecord",
    "PrivacyConsent",
    "ProgramCode",
    "Proxy",
    "ProxyLoad",
    "Qualification",
    "Redemption",
    "Representative",
    "Residency",
    "Reward",
    "RiskRating",
    "Seal",
    "SealedLeaf",
    "SubscriptionConsent",
    "SubscriptionMessage",
    "Team",
    "TeamMember",
    "Unit",
    "Upload",
    "WechatIdentity",
    "WechatPush",
    "metadata",
]
