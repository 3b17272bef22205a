"""内容审核 at the platform: what the worker asks it about a check, and what its answers mean. And where pictures lie."""

from collections.abc import Iterator

from api.kit.secrets import Vault
from api.kit.store import Store
from api.models import ContentCheck
from api.rules.content import CheckKind
from api.services.content.checking import Again, Answer, Ordered
from api.services.content.deciding import Doubt, Verdict
from api.services.uploads.pictures import PLATFORM_LIFE, Audience, Pictures, Size
from api.settings import Settings
from api.wechat import errors
from api.wechat.client import TEXT_LIMIT, WeChat
from api.wechat.results import Scene, Suggest

OVERLAP = 60
"""Characters two parts of a long text share, so that no phrase is cut in two unseen."""
_WORST = (Suggest.risky, Suggest.review, Suggest.passed)


def pictures_of(settings: Settings) -> Pictures:
    """The store and addresses of these settings."""
    if settings.upload_bucket is not None:
        store = Store.in_bucket(
            settings.upload_bucket,
            endpoint=settings.upload_endpoint,
            region=settings.upload_region,
            access_key=settings.upload_access_key or "",
            secret_key=settings.upload_secret_key.get_secret_value() if settings.upload_secret_key else "",
        )
    else:
        store = Store.in_folder(settings.upload_dir or settings.data_dir / "uploads")
    return Pictures(store, Vault(settings.master_key.get_secret_value()), settings.public_url)


def parts(text: str) -> Iterator[str]:
    """`text` in pieces the platform takes."""
    for start in range(0, max(len(text) - OVERLAP, 1), TEXT_LIMIT - OVERLAP):
        yield text[start : start + TEXT_LIMIT]


class Censor:
    """Asks the platform about checks, and about people."""

    def __init__(self, wechat: WeChat, pictures: Pictures) -> None:
        self._wechat = wechat
        self._pictures = pictures

    async def ask(self, check: ContentCheck) -> Answer:
        """One attempt. Asking twice is harmless."""
        assert check.openid is not None
        scene = Scene(check.scene.value)
        try:
            if check.what is CheckKind.picture:
                trace = await self._wechat.check_media(self._address(check), openid=check.openid, scene=scene)
                return Ordered(trace)
            return await self._read("\n".join(check.texts), check.openid, scene)
        except errors.WeChatError as error:
            return judge(error)

    def _address(self, check: ContentCheck) -> str:
        """Where the platform can fetch the picture for longer than its half hour."""
        if check.upload_id is None:
            return check.texts[0]
        return self._pictures.address(check.upload_id, Size.full, Audience.insiders, PLATFORM_LIFE)

    async def _read(self, text: str, openid: str, scene: Scene) -> Verdict:
        """The worst verdict on any part; after a risky one the rest need not be read."""
        found: Verdict | None = None
        for part in parts(text):
            said = await self._wechat.check_text(part, openid=openid, scene=scene)
            if found is None or _WORST.index(said.suggest) < _WORST.index(Suggest(found.suggest)):
                found = Verdict(said.suggest.value, said.label, said.trace_id)
            if said.suggest is Suggest.risky:
                break
        assert found is not None
        return found

    async def rate(self, openid: str, client_ip: str) -> int:
        """The platform's risk rank of a person."""
        return (await self._wechat.risk_rank(openid, client_ip)).rank


def judge(error: errors.WeChatError) -> Answer:
    """What an error means: come again, or let a person look (61010: the author has been away for two hours)."""
    match error:
        case errors.NotVisited():
            return Doubt("作者两小时内没有打开小程序，平台不能检测")
        case errors.InputRejected() | errors.Refused():
            return Doubt(f"平台不能检测：{error}")
        case _:
            return Again(str(error), error.retry_after)
