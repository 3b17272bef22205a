"""The paper: a PDF in a Chinese font with a QR code to the public check. Made by the worker, outside a transaction.

Loaded by the worker alone: typesetting and its fonts have no place in an API process.
"""

import logging
import time
from typing import Any
from uuid import UUID

from anyio.to_thread import run_sync
from sqlalchemy import ARRAY, Uuid, bindparam, func, select, update
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.events import record
from api.kit.mishaps import told, trail
from api.kit.printing import Printed, typeset
from api.kit.qr import qr_svg
from api.kit.secrets import Vault
from api.models import Certificate, Place
from api.rules.certificates import ID_TITLES, LINES_SHOWN, CertificateState, hours_of
from api.services.certificates.following import PRINTED
from api.services.certificates.reading import NAME

log = logging.getLogger("linli.certificates")

REST_S = 60.0
"""How long one that could not be printed is left alone: it holds up no other."""
TEMPLATE = """
#align(center)[#text(size: 22pt, weight: "bold", tracking: 0.3em)[志愿服务记录证明]]
#v(0.4em)
#align(right)[编号：#data.number]
#v(0.6em)
#let row(name, value) = (align(center)[#name], value)
#table(
  columns: (3.4cm, 1fr), inset: 8pt, align: horizon,
  ..row([姓名], data.name),
  ..row([证件类型及号码], [#data.id_title　#data.id_number]),
  ..row([志愿者编号], data.volunteer_number),
  ..row([服务时间], [#data.since 至 #data.until]),
  ..row([服务时长], [#data.hours 小时（#data.minutes 分钟）]),
  ..row([服务内容], [见下表，共 #data.activities 次]),
  ..row([出具单位], data.issuer),
  ..row([负责人（经办人）及联系方式], [#data.handler　#data.contact]),
)
#v(0.4em)
#table(
  columns: (2.8cm, 1fr, 2.6cm), inset: 6pt, align: (center, left, right),
  table.header([日期], [活动], [分钟]),
  ..data.lines.map(line => (line.day, line.title, str(line.minutes))).flatten()
)
#if data.more > 0 [其余 #data.more 次从略，时长已计入合计。]
#v(1fr)
#grid(columns: (1fr, 5cm), align: (left + bottom, center),
  [
    #text(size: 9pt)[谁组织谁记录，谁记录谁证明。本证明只证明出具单位组织并记录的服务。\\
    扫码或访问 #data.address 查验真伪；以查验结果为准。]
    #v(0.6em)
    #align(right)[#data.issuer（盖章）#h(1.5em)\\ #data.issued_on#h(1.5em)]
  ],
  image(pictures.at(0), width: 3.6cm),
)
"""


class Printer:
    """Prints what was issued; any number of processes at once. A crash leaves the certificate unprinted."""

    def __init__(self, db: Database, vault: Vault, public_url: str) -> None:
        self._db = db
        self._vault = vault
        self._public_url = public_url.rstrip("/")
        self._resting: dict[UUID, float] = {}

    async def run_one(self) -> bool:
        """One certificate. False when none waits. Raises only when PostgreSQL is not there."""
        now = time.monotonic()
        self._resting = {i: until for i, until in self._resting.items() if until > now}
        async with self._db.reading() as tx:
            row = (await tx.execute(_NEXT, {"resting": list(self._resting)})).first()
        if row is None:
            return False
        it: Certificate = row[0]
        try:
            printed = await run_sync(self._typeset, it, row[1])
        except Exception as error:
            self._resting[it.id] = now + REST_S
            log.error(
                "a certificate could not be printed",
                extra={"certificate_id": str(it.id), "error": told(error), "trail": trail(error)},
            )
            return True
        await self._keep(it, printed)
        return True

    def _typeset(self, it: Certificate, issuer: str) -> Printed:
        assert it.issued_at is not None
        address = f"{self._public_url}/v1/certificates/{it.number}"
        lines = it.lines[:LINES_SHOWN]
        data: dict[str, Any] = {
            "number": it.number,
            "name": self._vault.open(NAME, it.name_sealed) if it.name_sealed is not None else it.name_masked,
            "id_title": ID_TITLES[it.id_kind],
            "id_number": it.id_masked,
            "volunteer_number": it.volunteer_number or "未登记",
            "since": it.since.isoformat(),
            "until": it.until.isoformat(),
            "hours": hours_of(it.minutes),
            "minutes": it.minutes,
            "activities": len(it.lines),
            "lines": lines,
            "more": len(it.lines) - len(lines),
            "issuer": issuer,
            "handler": it.handler_name or "",
            "contact": it.contact or "",
            "address": address,
            "issued_on": clock.local(it.issued_at).strftime("%Y年%m月%d日"),
        }
        code = qr_svg(address, scale=4)
        return typeset(TEMPLATE, data, at=it.issued_at.replace(microsecond=0), pictures=[code])

    async def _keep(self, it: Certificate, printed: Printed) -> None:
        """Of two who printed the same the first is kept; revoked meanwhile, nothing is."""
        async with self._db.transaction() as tx:
            kept = await tx.execute(
                update(Certificate)
                .where(
                    col(Certificate.id) == it.id,
                    col(Certificate.state) == CertificateState.issued,
                    col(Certificate.printed_at).is_(None),
                )
                .values(pdf=printed.pdf, missing=list(printed.missing), printed_at=clock.now())
                .returning(col(Certificate.id))
            )
            if kept.first() is not None:
                record(
                    tx,
                    subject_kind="certificate",
                    subject_id=it.id,
                    move=PRINTED,
                    actor_id=None,
                    actor_title="系统",
                    data={"missing": list(printed.missing)},
                )


_NEXT = (
    select(Certificate, col(Place.name))
    .join(Place, col(Place.id) == col(Certificate.community_id))
    .where(
        col(Certificate.state) == CertificateState.issued,
        col(Certificate.printed_at).is_(None),
        col(Certificate.id) != func.all(bindparam("resting", type_=ARRAY(Uuid))),
    )
    .order_by(col(Certificate.id))
    .limit(1)
)
