"""个人信息导出: everything the registry says we hold about a person, as one zip of JSON; made by the worker."""

import io
import zipfile
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.events import record
from api.kit.problems import NotFound, Problem
from api.kit.secrets import Vault, same
from api.models import DataExport, Person
from api.models.people import PersonId
from api.rules.privacy import EXPORT_KEPT, LINK_LIVES, ExportState
from api.services import notices
from api.services.access import Viewer
from api.services.people.belonging import PHONE
from api.services.privacy.holdings import exporting

LINK = "export link"
"""The vault's purpose for the signature of a download address."""


class LinkExpired(Problem):
    status, code, title = 403, "link_expired", "下载地址无效或已过期"
    advice = "请在小程序中重新打开“导出我的信息”，取得新的下载地址。"


async def start(tx: AsyncSession, person_id: PersonId) -> None:
    """Order one; who has one coming gets that one."""
    new = DataExport(person_id=person_id)
    await tx.execute(
        insert(DataExport)
        .values(new.model_dump())
        .on_conflict_do_nothing(index_elements=["person_id"], index_where=text("state = 'pending'"))
    )


async def last(tx: AsyncSession, vault: Vault, viewer: Viewer) -> dict[str, Any]:
    """The viewer's latest export, with a fresh signed address where it is ready. Raises NotFound."""
    found = await tx.execute(
        select(
            col(DataExport.id), col(DataExport.state), col(DataExport.created_at), col(DataExport.ready_at)
        )
        .where(col(DataExport.person_id) == viewer.person_id)
        .order_by(col(DataExport.id).desc())
        .limit(1)
    )
    row = found.first()
    if row is None:
        raise NotFound("您没有申请过导出")
    state = ExportState(row.state)
    if state is ExportState.ready and clock.now() - row.ready_at > EXPORT_KEPT:
        state = ExportState.expired
    shown: dict[str, Any] = {"id": row.id, "state": state, "created_at": row.created_at}
    shown |= {"url": None, "url_expires_at": None}
    if state is ExportState.ready:
        until = clock.now() + LINK_LIVES
        shown |= {"url": f"/exports/{row.id}?{_signed(vault, row.id, until)}", "url_expires_at": until}
    return shown


def _signed(vault: Vault, export_id: UUID, until: datetime) -> str:
    moment = int(until.timestamp())
    return f"until={moment}&signature={_signature(vault, export_id, moment)}"


def _signature(vault: Vault, export_id: UUID, until: int) -> str:
    return vault.index(LINK, f"{export_id}/{until}").hex()


async def download(tx: AsyncSession, vault: Vault, export_id: UUID, until: int, signature: str) -> bytes:
    """The zip behind a signed address. Raises LinkExpired for a forged, old or emptied one."""
    if not same(signature, _signature(vault, export_id, until)) or until < clock.now().timestamp():
        raise LinkExpired
    found = await tx.execute(
        select(col(DataExport.content)).where(
            col(DataExport.id) == export_id, col(DataExport.ready_at) > clock.now() - EXPORT_KEPT
        )
    )
    content = found.scalar_one_or_none()
    if content is None:
        raise LinkExpired
    return bytes(content)


async def collect(tx: AsyncSession, vault: Vault, person_id: PersonId) -> dict[str, Any]:
    """Name of a file in the zip → its rows."""
    found: dict[str, Any] = {}
    for holding, statement in exporting():
        rows = (await tx.execute(statement, {"person": person_id})).scalar_one()
        found[holding.table] = {"名称": holding.title, "内容": rows}
    person = (await tx.execute(select(Person).where(col(Person.id) == person_id))).scalar_one()
    phone = vault.open(PHONE, person.phone_sealed) if person.phone_sealed is not None else None
    found["phone"] = {"名称": "手机号", "内容": phone}
    return found


def pack(files: dict[str, Any]) -> bytes:
    """One JSON file each, readable by people."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.json", orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return out.getvalue()


_TAKE = text(
    """select id from data_exports where state = 'pending'
       order by id limit 1 for update skip locked"""
)


class Exporter:
    """Makes what was ordered; any number of processes at once. A crash leaves the order where it was."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def run_one(self) -> bool:
        """One export in one transaction. False when none waits."""
        async with self._db.transaction() as tx:
            export_id = (await tx.execute(_TAKE)).scalar_one_or_none()
            if export_id is None:
                return False
            export = (
                await tx.execute(select(DataExport).where(col(DataExport.id) == export_id))
            ).scalar_one()
            export.content = pack(await collect(tx, self._vault, export.person_id))
            export.state, export.ready_at = ExportState.ready, clock.now()
            event = record(
                tx,
                subject_kind="export",
                subject_id=export.id,
                move="ready",
                actor_id=None,
                actor_title="系统",
            )
            await tx.flush()
            await notices.tell(
                tx,
                event,
                [export.person_id],
                kind="export.ready",
                title="您的信息已导出",
                text="24 小时内可以下载。",
            )
        return True
