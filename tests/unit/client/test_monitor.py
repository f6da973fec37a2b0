import pytest

from bluesky_qs.client.monitor import Screen
from bluesky_qs.client.sync import REManagerAPI


def test_status_messages_are_collected_from_enable_on(qs_manager, RM):
    RM.system_info_monitor.enable()
    qs_manager.wait_subscribed()
    qs_manager.add("count", ["det1"])
    assert RM.system_info_monitor.next_msg(timeout=10)["msg"]["status"]["items_in_queue"] == 1


def test_console_output_is_there_as_text(qs_manager, RM):
    console = RM.console_monitor
    before = console.text_uid
    console.enable()
    qs_manager.wait_subscribed()
    qs_manager.say("one\n")
    qs_manager.say("two\nthree")
    console.next_msg(timeout=10)
    console.next_msg(timeout=10)
    assert console.text() == "one\ntwo\nthree"
    assert console.text(2) == "two\nthree"
    assert console.text_uid != before
    console.clear()
    assert console.text() == ""


def test_a_disabled_monitor_keeps_what_it_has_and_takes_no_more(qs_manager, RM):
    RM.console_monitor.enable()
    qs_manager.wait_subscribed()
    qs_manager.say("one\n")
    RM.console_monitor.next_msg(timeout=10)
    RM.console_monitor.disable_wait()
    assert not RM.console_monitor.enabled
    assert RM.console_monitor.text() == "one\n"
    with pytest.raises(RM.RequestTimeoutError):
        RM.console_monitor.next_msg(timeout=0)
    qs_manager.wait_until(lambda _: not qs_manager.subscribed)
    RM.console_monitor.enable()
    qs_manager.wait_subscribed()
    qs_manager.say("two\n")
    RM.console_monitor.next_msg(timeout=10)
    assert RM.console_monitor.text() == "one\ntwo\n"


def test_the_oldest_messages_are_dropped(qs_manager, RM, clean_environment):
    with REManagerAPI(qs_manager.control, zmq_info_addr=qs_manager.info, console_monitor_max_msgs=1) as manager:
        manager.console_monitor.enable()
        qs_manager.wait_subscribed()
        qs_manager.say("one")
        qs_manager.say("two")
        with manager.console_monitor._arrived:
            assert manager.console_monitor._arrived.wait_for(lambda: manager.console_monitor._screen.text() == "onetwo")
        assert manager.console_monitor.next_msg(timeout=10)["msg"] == "two"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["10%", "\r20%"], "20%"),
        (["100%\rok"], "ok0%"),
        (["a: 1\nb: 1\n", "\x1b[A\x1b[Aa: 2\nb: 2\n"], "a: 2\nb: 2\n"),
        (["a\nb\nc\nd\n"], "b\nc\nd\n"),
        (["\x1b[31mred\x1b[0m"], "\x1b[31mred\x1b[0m"),
    ],
)
def test_text_looks_as_on_a_terminal(written, shown):
    screen = Screen(3)
    for text in written:
        screen.write(text)
    assert screen.text() == shown


def test_a_screen_can_be_made_smaller():
    screen = Screen(5)
    screen.write("a\nb\nc\n")
    assert screen.resized(2).text() == "b\nc\n"
