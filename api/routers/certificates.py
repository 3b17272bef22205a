"""志愿服务记录证明: asked for, issued, downloaded, and checked by anybody who holds the paper."""

from html import escape
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from api.kit.http import TransactionRoute, json_response
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Once, TheVault, Tx, limited, problems
from api.rules import certificates as rules
from api.rules.certificates import ID_TITLES, CertificateMove, CertificateState
from api.rules.throttling import Limited
from api.schemas.service import (
    CERTIFICATE_NEEDED,
    AskCertificate,
    CertificateCheck,
    CertificateOut,
    MoveCertificate,
    PublicCertificate,
)
from api.services.certificates import issuing, reading
from api.services.certificates.issuing import AlreadyRequested, Asked
from api.services.places.finding import WrongLevel

app_router = APIRouter(tags=["服务证明"], route_class=TransactionRoute)
router = APIRouter(tags=["服务证明"], route_class=TransactionRoute)
public_router = APIRouter(tags=["服务证明"], route_class=TransactionRoute)
"""Needs no session: the number on the paper is the key."""

CertificateId = Annotated[UUID, Path(description="证明标识")]
_PDF: dict[str, Any] = {"content": {"application/pdf": {}}, "description": "PDF"}


@app_router.post(
    "/me/certificates",
    status_code=201,
    response_model=CertificateOut,
    summary="申请服务证明",
    description="证明一个社区组织并记录的服务。社区核对证件后出具，后台排版为 PDF 并通知您；"
    "同一社区核对过同一身份的，再次申请即时出具。证件号码不保存。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongLevel, rules.NothingToCertify, AlreadyRequested, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def ask_for_certificate(
    body: AskCertificate, viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    asked = Asked(**{f: getattr(body, f) for f in Asked.__slots__})
    made = await issuing.ask(tx, vault, viewer, asked)
    await tx.flush()
    return await reading.read(tx, vault, viewer, made)


@app_router.get(
    "/me/certificates",
    response_model=Page[CertificateOut],
    summary="我的服务证明",
    description="从新到旧。",
    responses=problems(Malformed),
)
async def list_my_certificates(
    viewer: CurrentViewer, vault: TheVault, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    return await reading.listing(tx, vault, viewer, place_id=None, state=None, limit=limit, after=after)


@router.get(
    "/certificates",
    response_model=Page[CertificateOut],
    summary="服务证明列表",
    description="一个地域内您可以出具的，从新到旧，例如待核发的（state=requested）。",
    responses=problems(Malformed, NotFound),
)
async def list_certificates(
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
    place: Annotated[UUID, Query(description="地域标识")],
    state: Annotated[CertificateState | None, Query(description="状态")] = None,
    limit: Limit = 20,
    after: After = None,
) -> dict[str, Any]:
    return await reading.listing(tx, vault, viewer, place_id=place, state=state, limit=limit, after=after)


@router.get(
    "/certificates/{certificate_id}/pdf",
    summary="下载服务证明",
    description="本人和出具单位可以下载；刚出具的可能还在排版。",
    response_class=Response,
    responses={200: _PDF, **problems(NotFound, rules.NotPrinted)},
)
async def download_certificate(certificate_id: CertificateId, viewer: CurrentViewer, tx: Tx) -> Response:
    number, content = await reading.paper(tx, viewer, certificate_id)
    headers = {
        "content-disposition": f'attachment; filename="{number}.pdf"',
        "cache-control": "private, no-store",
    }
    return Response(content, 200, headers, "application/pdf")


@router.post(
    "/certificates/{certificate_id}/moves/{move}",
    response_model=CertificateOut,
    summary="办理服务证明",
    description="出具单位负责人 issue 出具、refuse 不予出具、revoke 撤销；本人 withdraw 撤回申请。不能给自己出具。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongMoment, rules.OwnCertificate, rules.HoursChanged, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def move_certificate(
    certificate_id: CertificateId,
    move: Annotated[CertificateMove, Path(description="操作")],
    body: MoveCertificate,
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, CERTIFICATE_NEEDED.get(move, ()), ())
    reason = body.reason or ""
    match move:
        case CertificateMove.issue:
            await issuing.issue(tx, viewer, certificate_id)
        case CertificateMove.refuse:
            await issuing.refuse(tx, viewer, certificate_id, reason)
        case CertificateMove.revoke:
            await issuing.revoke(tx, viewer, certificate_id, reason)
        case CertificateMove.withdraw:
            await issuing.withdraw(tx, viewer, certificate_id)
    await tx.flush()
    return await reading.read(tx, vault, viewer, certificate_id)


@router.get(
    "/certificate-publicity",
    response_model=Page[PublicCertificate],
    summary="服务证明公示",
    description="近 7 天出具的证明，给出具单位的居民和成员看；姓名隐去中间。",
    responses=problems(Malformed, NotFound),
)
async def list_public_certificates(
    viewer: CurrentViewer,
    tx: Tx,
    place: Annotated[UUID, Query(description="地域标识")],
    limit: Limit = 20,
    after: After = None,
) -> dict[str, Any]:
    return await reading.publicity(tx, viewer, place, limit=limit, after=after)


@public_router.get(
    "/certificates/{number}",
    response_model=CertificateCheck,
    summary="查验服务证明",
    description="不需要登录：凭证明上的编号或二维码查验真伪。浏览器打开是网页，程序调用是 JSON。",
    responses=problems(Malformed, NotFound),
    dependencies=[limited(Limited.check)],
)
async def check_certificate(
    number: Annotated[
        str, Path(min_length=20, max_length=40, pattern="^[0-9A-Z-]+$", description="证明编号")
    ],
    request: Request,
    tx: Tx,
) -> Response:
    found = await reading.check(tx, number)
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_page(found), headers={"vary": "accept"})
    return json_response(found)


_PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>服务证明查验 · 邻里</title></head>
<body><h1>{verdict}</h1><table>{rows}</table>
<p>请与证明逐项核对；不一致的，以本页为准。</p></body></html>"""


def _page(found: dict[str, Any]) -> str:
    valid = found["valid"]
    holder = (
        []
        if found["name"] is None
        else [
            ("姓名", found["name"]),
            (ID_TITLES[found["id_kind"]], found["id_number"]),
            ("志愿者编号", found["volunteer_number"] or "未登记"),
            ("服务时间", f"{found['since']} 至 {found['until']}"),
            ("服务时长", f"{found['hours']} 小时（{found['minutes']} 分钟，{found['activities']} 次）"),
        ]
    )
    rows = [
        ("编号", found["number"]),
        *holder,
        ("出具单位", found["issuer"]),
        ("出具日期", f"{found['issued_at']:%Y-%m-%d}"),
    ]
    if not valid:
        rows.append(("撤销原因", found["reason"] or ""))
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
    verdict = "证明有效" if valid else "证明已撤销"
    return _PAGE.format(verdict=verdict, rows=cells)
