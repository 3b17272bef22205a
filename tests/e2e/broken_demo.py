"""`linli demo` whose second step expects what is not so: for the test of how a broken tour ends."""

from api import program
from api.commands.demo.guide import Actor, Chapter
from api.commands.demo.tour import Tour

_as_told = Tour.chapters


def _chapters(self: Tour) -> list[Chapter]:
    first, *_ = _as_told(self)

    def wrong() -> None:
        self._guide.call(Actor("无名氏"), "GET", "/me", wanted=200, why="没有登录就来问")

    return [first, Chapter("做不到的一步", "没有登录也能看。", wrong), first]


if __name__ == "__main__":
    Tour.chapters = _chapters  # type: ignore[method-assign]
    program.main()
