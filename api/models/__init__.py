"""Every table, so that one import fills the metadata."""

from sqlmodel import SQLModel

from api.kit.events import Delivery, Event, EventWords
from api.kit.idempotency import IdempotencyAnswer, IdempotencyKey
from api.models.activities import Activity, Attendance, Attendant, Seat
from api.models.appointments import Appointment, Delegation, OfficeHours
from api.models.calendar import CalendarVersion
from api.models.carrying_out import Milestone, Objection, Progress
from api.models.case_requests import CaseRequest, CaseTask, CaseUrge
from api.models.cases import Case, CaseMessage, CaseNumber, CaseRating, CaseReach
from api.models.content import ContentCheck, MediaVerdict, RiskRating, Upload
from api.models.deadlines import Deadline
from api.models.disclosures import Disclosure, DisclosureQuestion
from api.models.dispatch import DispatchBatch, DispatchLine, DispatchSettings
from api.models.imports import ImportRun
from api.models.jobs import Job
from api.models.joining import CaseSupport
from api.models.merchants import Merchant
from api.models.needs import Claim, Claimant, Need, Offer
from api.models.notices import Notice, NoticePreference, SubscriptionConsent, SubscriptionMessage
from api.models.opinions import OpinionJob, OpinionMap, Stance, Statement, TopicRating
from api.models.papers import Paper
from api.models.people import (
    Branch,
    Credential,
    Grant,
    HouseholdLine,
    MemberLine,
    Membership,
    Official,
    Person,
    Residency,
    WechatIdentity,
)
from api.models.places import Asset, Company, Estate, EstateBuilding, Home, Place, PlaceBounds, Unit
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
from api.models.service import AddedHours, Certificate, ServiceRecord
from api.models.settings import PlaceSetting
from api.models.statistics import CaseExclusion
from api.models.teams import Qualification, Team, TeamMember
from api.models.topics import Topic, TopicAttendance, TopicGuest, TopicMeeting, TopicPlace, TopicStage
from api.models.wechat import ProgramCode, WechatPush

metadata = SQLModel.metadata

__all__ = [
    "Activity",
    "AddedHours",
    "Appointment",
    "Asset",
    "Attendance",
    "Attendant",
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
    "Certificate",
    "Claim",
    "Claimant",
    "Company",
    "ContentCheck",
    "Credential",
    "DataExport",
    "Deadline",
    "Delegation",
    "Delivery",
    "Disclosure",
    "DisclosureQuestion",
    "DispatchBatch",
    "DispatchLine",
    "DispatchSettings",
    "Elector",
    "Erasure",
    "Estate",
    "EstateBuilding",
    "Event",
    "EventLeaf",
    "EventWords",
    "Grant",
    "Home",
    "HouseholdLine",
    "IdempotencyAnswer",
    "IdempotencyKey",
    "ImportRun",
    "Job",
    "Mark",
    "MediaVerdict",
    "MemberLine",
    "Membership",
    "Merchant",
    "Milestone",
    "Need",
    "Notice",
    "NoticePreference",
    "Objection",
    "Offer",
    "OfficeHours",
    "Official",
    "OpinionJob",
    "OpinionMap",
    "Paper",
    "PaperEntry",
    "Person",
    "Place",
    "PlaceBounds",
    "PlaceSetting",
    "PointsAccount",
    "PointsDay",
    "PointsEntry",
    "PointsPair",
    "Poll",
    "PollKey",
    "PollRecord",
    "PrivacyConsent",
    "ProgramCode",
    "Progress",
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
    "Seat",
    "ServiceRecord",
    "Stance",
    "Statement",
    "SubscriptionConsent",
    "SubscriptionMessage",
    "Team",
    "TeamMember",
    "Topic",
    "TopicAttendance",
    "TopicGuest",
    "TopicMeeting",
    "TopicPlace",
    "TopicRating",
    "TopicStage",
    "Unit",
    "Upload",
    "WechatIdentity",
    "WechatPush",
    "metadata",
]
