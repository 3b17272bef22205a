"""What a text can be found by."""

from api.rules.grams import grams, likeness


def test_chinese_is_found_by_pairs_of_neighbours() -> None:
    assert grams("楼道灯，不亮") == sorted(["楼道", "道灯", "不亮"])


def test_a_number_is_found_by_its_parts_and_not_by_pieces_of_them() -> None:
    found = grams("320102002001-20261123-0001")
    assert found == ["0001", "20261123", "320102002001"]
    assert not set(grams("13栋")) <= set(grams("3栋"))
    assert not set(grams("3栋")) <= set(grams("13栋"))


def test_width_and_case_do_not_matter() -> None:
    assert grams("ＬＥＤ灯") == grams("led灯") == ["d灯", "led"]


def test_one_character_alone_finds_nothing() -> None:
    assert grams("灯") == grams("！，。") == grams("") == []


def test_characters_beyond_the_first_plane_are_characters() -> None:
    assert grams("𠮷野") == ["𠮷野"]


def test_likeness_is_what_is_common_of_all() -> None:
    assert likeness(["楼道", "道灯"], ["道灯", "灯坏"]) == 1 / 3
    assert likeness(["楼道"], ["楼道"]) == 1.0
    assert likeness([], []) == 0.0
