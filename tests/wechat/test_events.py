"""Messages of the official pages and their drifting shapes, read into events."""

import json
from typing import Any

import pytest

from api.wechat.events import (
    AuthorizationRevoked,
    MalformedPush,
    MediaChecked,
    MessageSent,
    PushEvent,
    SubscriptionAnswered,
    event_of,
    read_xml,
)
from api.wechat.results import Suggest

HEAD = {"ToUserName": "gh_1", "FromUserName": "oA", "CreateTime": 1620973045, "MsgType": "event"}


def media(**members: Any) -> MediaChecked:
    event = event_of({**HEAD, "Event": "wxa_media_check", "trace_id": "t1", **members})
    assert isinstance(event, MediaChecked)
    return event


@pytest.mark.parametrize(
    ("members", "suggest", "label", "errcode"),
    [
        ({"version": 2, "errcode": 0, "result": {"suggest": "pass", "label": 100}}, "pass", 100, 0),
        ({"version": 2, "errcode": "0", "result": {"suggest": "risky", "label": "20002"}}, "risky", 20002, 0),
        ({"version": 2, "errcode": 0, "result": {"suggest": "vaild", "label": 100}}, "review", 100, 0),
        ({"version": 2, "errcode": 0, "result": {}}, "review", 0, 0),
        ({"version": 2, "errcode": 0}, "review", 0, 0),
        ({"version": 2, "errcode": -1008}, "review", 0, -1008),
        ({"version": 2, "errcode": -1008, "result": {"suggest": "pass", "label": 100}}, "review", 100, -1008),
        ({"isrisky": 0, "status_code": 0, "extra_info_json": ""}, "pass", 0, 0),
        ({"isrisky": "1", "status_code": "0"}, "risky", 0, 0),
        ({"isrisky": 1, "extra_info_json": '{"label": 20002}'}, "risky", 20002, 0),
        ({"isrisky": 1, "extra_info_json": "{"}, "risky", 0, 0),
        ({"isrisky": 0, "status_code": 4294966288}, "review", 0, -1008),
        ({"isrisky": 7}, "review", 0, 0),
    ],
)
def test_a_verdict_is_read_and_doubt_is_review(
    members: dict[str, Any], suggest: str, label: int, errcode: int
) -> None:
    event = media(**members)
    assert (event.suggest, event.label, event.errcode) == (Suggest(suggest), label, errcode)


def test_the_same_verdict_twice_has_the_same_key_whenever_it_was_sent() -> None:
    members = {"errcode": 0, "result": {"suggest": "pass", "label": 100}}
    assert media(**members).key == media(**members, CreateTime=1620979999).key
    assert media(**members).key != media(**members, trace_id="t2").key


def test_a_popup_of_the_official_page_is_read() -> None:
    text = """<xml>
<ToUserName><![CDATA[gh_123456789abc]]></ToUserName>
<FromUserName><![CDATA[otFpruAK8D-E6EfStSYonYSBZ8_4]]></FromUserName>
<CreateTime>1610969440</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[subscribe_msg_popup_event]]></Event>
<SubscribeMsgPopupEvent>
<List><TemplateId><![CDATA[A]]></TemplateId><SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString></List>
<List><TemplateId><![CDATA[B]]></TemplateId><SubscribeStatusString><![CDATA[ban]]></SubscribeStatusString></List>
</SubscribeMsgPopupEvent>
</xml>"""
    event = event_of(read_xml(text))
    assert isinstance(event, SubscriptionAnswered)
    assert [(choice.template_id, choice.accepted) for choice in event.choices] == [("A", True), ("B", False)]


@pytest.mark.parametrize(
    "found",
    [
        {"List": {"TemplateId": "A", "MsgID": "1", "ErrorCode": "0", "ErrorStatus": "success"}},
        {"List": [{"TemplateId": "A", "MsgID": 1, "ErrorCode": 0, "ErrorStatus": "success"}]},
        {"SubscribeMsgSentEvent": {"List": {"TemplateId": "A", "MsgID": "1", "ErrorCode": "0"}}},
        {"SubscribeMsgSentEvent": [{"TemplateId": "A", "MsgID": "1", "ErrorCode": "0"}]},
    ],
)
def test_a_list_is_found_wherever_it_lies(found: dict[str, Any]) -> None:
    event = event_of({**HEAD, "Event": "subscribe_msg_sent_event", **found})
    assert isinstance(event, MessageSent)
    assert [(o.template_id, o.message_id, o.errcode) for o in event.outcomes] == [("A", "1", 0)]


@pytest.mark.parametrize(("written", "scopes"), [("8", (8,)), (8, (8,)), ("1,8", (1, 8)), ("", ())])
def test_what_is_revoked_is_read(written: object, scopes: tuple[int, ...]) -> None:
    event = event_of({**HEAD, "Event": "user_authorization_revoke", "OpenID": "oB", "RevokeInfo": written})
    assert isinstance(event, AuthorizationRevoked)
    assert event.scopes == scopes


def test_an_event_nobody_knows_is_kept_as_it_is() -> None:
    event = event_of({**HEAD, "Event": "weapp_audit_success"})
    assert type(event) is PushEvent
    assert (event.kind, event.sender, event.at.isoformat()) == (
        "weapp_audit_success",
        "oA",
        "2021-05-14T06:17:25+00:00",
    )


@pytest.mark.parametrize(
    "broken",
    [
        {"CreateTime": "soon"},
        {"CreateTime": 10**17},
        {"CreateTime": None},
        {"Event": ""},
        {"Event": {}},
        {"FromUserName": "\ud800"},
        {"FromUserName": "x" * 200},
        {"Event": "wxa_media_check"},
        {"Event": "wxa_media_check", "trace_id": "t", "errcode": "x"},
        {"Event": "subscribe_msg_popup_event"},
        {"Event": "subscribe_msg_popup_event", "List": []},
        {"Event": "subscribe_msg_popup_event", "List": "A"},
        {"Event": "subscribe_msg_popup_event", "List": [None]},
        {"Event": "subscribe_msg_sent_event", "List": {"TemplateId": "A"}},
        {"Event": "user_info_modified"},
    ],
)
def test_a_message_without_what_it_needs_is_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(MalformedPush):
        event_of({**HEAD, "Event": "x", **broken})


def test_entities_and_other_documents_are_malformed() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><a>&b;</a></xml>'
    for text in (
        bomb,
        "<!DOCTYPE xml><xml><a>1</a></xml>",
        "<html><a>1</a></html>",
        "<xml/>",
        "<xml>",
        json.dumps(HEAD),
    ):
        with pytest.raises(MalformedPush):
            read_xml(text)
