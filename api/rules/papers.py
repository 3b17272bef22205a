"""文书: what is printed for people, as typst sources that show the data they are given."""

from enum import StrEnum


class PaperState(StrEnum):
    """文书状态：待排版、已排版"""

    pending = "pending"
    ready = "ready"


class PictureFormat(StrEnum):
    """图片格式：矢量图 SVG、位图 PNG"""

    svg = "svg"
    png = "png"


MINUTES = """
#align(center)[#text(size: 18pt, weight: "bold")[#data.heading]]
#v(6pt)
#align(center)[#data.topic]
#v(10pt)
#table(
  columns: (auto, 1fr), inset: 7pt, stroke: 0.5pt,
  [会议], [#data.title（#data.kind）],
  [时间], [#data.held_at],
  [地点], [#data.venue],
  [到会], [#data.attendants.len() 人],
)
#v(8pt)
*会议记录*

#for line in data.minutes [#line #parbreak()]
#v(4pt)
*会议结论*

#for line in data.conclusion [#line #parbreak()]
#v(4pt)
*到会人*

#table(
  columns: (auto, 1fr, 1fr, 6em), inset: 7pt, stroke: 0.5pt,
  table.header([序号], [姓名], [身份], [签名]),
  ..data.attendants.enumerate().map(((n, a)) => ([#(n + 1)], [#a.name], [#a.capacity], [])).flatten(),
)
#v(10pt)
#align(right)[记录时间：#data.recorded_at]
"""
"""会议纪要: `heading, topic, title, kind, held_at, venue, minutes[], conclusion[], attendants[{name, capacity}],
recorded_at`."""
