"""Values of subscription messages: the limits of the platform's table, and making texts fit them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wechat import fields

GOOD = [
    ("thing1", "好" * 20),
    ("thing1", "路灯坏了 3 天, please!"),
    ("number2", "0"),
    ("number2", "-12.50"),
    ("number2", "9" * 32),
    ("letter3", "ABCdef"),
    ("symbol4", "★!?"),
    ("character_string5", "LT-2026 0001_a#"),
    ("character_string5", "x" * 32),
    ("time6", "15:01"),
    ("time6", "2019年10月1日 15:01"),
    ("time6", "2019-10-01 15:01:59"),
    ("time6", "9:00~11:30"),
    ("time6", "2019年10月1日 15:01~2019年10月2日 16:00"),
    ("date7", "2019年10月1日"),
    ("date7", "2019/10/01"),
    ("date7", "2019年10月1日 15:01"),
    ("date7", "2019年10月1日~2019年10月7日"),
    ("amount8", "¥12.50"),
    ("amount8", "1234567890元"),
    ("phone_number9", "+86-010-12345678"),
    ("phone_number9", "12345"),
    ("car_number10", "苏A12345"),
    ("car_number10", "粤Z1234港"),
    ("name11", "欧阳娜娜"),
    ("name11", "Li-Ming O'Brien"),
    ("name11", "阿依古丽·买买提"),
    ("phrase12", "已办结"),
    ("phrase12", "等待处理中"),
    ("enum13", "待处理"),
]

BAD = [
    ("thing1", ""),
    ("thing1", "   "),
    ("thing1", "好" * 21),
    ("thing1", "第一行\n第二行"),
    ("thing1", "😀" * 11),
    ("number2", "1e3"),
    ("number2", "1,000"),
    ("number2", "9" * 33),
    ("letter3", "abc1"),
    ("symbol4", "a!"),
    ("symbol4", "!!!!!!"),
    ("character_string5", "编号1"),
    ("character_string5", "x" * 33),
    ("character_string5", " x"),
    ("time6", "25:00"),
    ("time6", "下午三点"),
    ("time6", "2019年13月1日 15:01"),
    ("date7", "2019年10月32日"),
    ("date7", "2019-10/01"),
    ("date7", "10月1日"),
    ("amount8", "12345678901"),
    ("amount8", "12.5.0"),
    ("amount8", "十元"),
    ("phone_number9", "1" * 18),
    ("phone_number9", "电话"),
    ("car_number10", "苏A1234567"),
    ("car_number10", "苏苏苏"),
    ("name11", "张" * 11),
    ("name11", "a" * 21),
    ("name11", "张三3"),
    ("phrase12", "已经全部办结"),
    ("phrase12", "OK"),
    ("enum13", ""),
    ("unknown1", "x"),
    ("thing", "x"),
    ("1", "x"),
]


@pytest.mark.parametrize(("key", "value"), GOOD)
def test_a_value_within_the_limits_passes(key: str, value: str) -> None:
    assert fields.fault(key, value) is None


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_value_beyond_the_limits_is_refused_with_a_reason(key: str, value: str) -> None:
    reason = fields.fault(key, value)
    assert reason
    assert any("\u4e00" <= character <= "\u9fff" for character in reason)


def test_an_enum_takes_only_what_its_template_lists() -> None:
    assert fields.fault("enum1", "已办结", ("待处理", "已办结")) is None
    assert fields.fault("enum1", "其他", ("待处理", "已办结"))


def test_the_first_bad_value_of_a_message_is_named() -> None:
    assert fields.first_fault({"thing1": "好", "phrase2": "已办结"}) is None
    bad = fields.first_fault({"thing1": "好", "phrase2": "done", "number3": "x"})
    assert bad is not None
    assert bad.key == "phrase2"


@pytest.mark.parametrize(
    ("key", "text", "clipped"),
    [
        ("thing1", "短", "短"),
        ("thing1", "关于三号楼二单元楼道灯不亮已经三天的来信", "关于三号楼二单元楼道灯不亮已经三天的来信"),
        ("thing1", "关于三号楼二单元楼道灯不亮已经三天了的来信", "关于三号楼二单元楼道灯不亮已经三天了的…"),
        ("thing1", " 第一行\n第二行\t完 ", "第一行 第二行 完"),
        ("thing1", "😀" * 15, "😀" * 9 + "…"),
        ("character_string1", "编号 LT-2026", "LT-2026"),
        ("phrase1", "已办结 (done)", "已办结"),
        ("phrase1", "正在由社区办理", "正在由社区"),
        ("name1", "买买提·阿不都热合曼·艾力", "买买提·阿不都热合曼"),
        ("name1", "张三3", "张三"),
        ("number1", "1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"),
        ("date1", " 2019年10月1日 ", "2019年10月1日"),
    ],
)
def test_a_text_is_made_to_fit_or_left_alone(key: str, text: str, clipped: str) -> None:
    assert fields.clip(key, text) == clipped


@given(st.sampled_from(["thing1", "character_string2", "phrase3", "letter4", "name5", "symbol6"]), st.text())
def test_whatever_is_clipped_passes_or_is_empty(key: str, text: str) -> None:
    clipped = fields.clip(key, text)
    assert clipped == "" or fields.fault(key, clipped) is None
    assert fields.clip(key, clipped) == clipped
