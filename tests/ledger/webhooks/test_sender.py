"""Messages arrive signed, at least once, and a receiver that is away gets them later."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from adjudicate.documents import DeliveryAsk, WebhookDelivery
from adjudicate.errors import AdError, Code
from executors.ledger.times import stamp
from executors.ledger.webhooks.deliveries import (
    FIRST_DELAY_S,
    JITTER,
    MOST_DELAY_S,
    delay_s,
    page,
    retry,
    take_due,
)
from executors.ledger.webhooks.sender import Sender
from executors.ledger.webhooks.tables import DELIVERIES
from executors.shared.database import writing
from executors.shared.settings import WebhookSettings
from tests.ledger.queue.desk import Desk
from tests.ledger.webhooks.receiver import OLD_SECRET, SECRET, Receiver

MakeSender = Callable[..., Sender]
WAIT_S = 20


@pytest.fixture
def make_sender(desk: Desk, receiver: Receiver) -> Iterator[MakeSender]:
    made: list[Sender] = []

    def make(started: bool = False, **settings: Any) -> Sender:
        said = {"url": receiver.url, "secret": SECRET, **settings}
        made.append(Sender(desk.engine, WebhookSettings(**said), desk.outbox.wake))
        if started:
            made[-1].start()
        return made[-1]

    yield make
    for sender in made:
        sender.close()


@pytest.fixture
def sender(make_sender: MakeSender) -> Sender:
    return make_sender()


def messages(desk: Desk, **asked: Any) -> list[WebhookDelivery]:
    with desk.engine.connect() as connection:
        return page(connection, DeliveryAsk(**{"id": "", **asked}))


def let_it_be_due(desk: Desk) -> None:
    with writing(desk.engine) as connection:
        connection.execute(update(DELIVERIES).values(next_at=stamp(-1)))


def test_a_message_is_signed_as_standard_webhooks_has_it(
    desk: Desk, sender: Sender, receiver: Receiver
) -> None:
    case = desk.escalated()
    desk.answer("ann", case)
    assert sender.deliver_due() == 1
    ((headers, body),) = receiver.got
    said = Webhook(SECRET).verify(body, headers)
    assert (said["type"], said["data"]["decision_id"]) == ("decision.settled", case)
    assert headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD_SECRET).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace("reject", "approve"), headers)


def test_while_a_secret_is_changed_both_sign(
    desk: Desk, make_sender: MakeSender, receiver: Receiver
) -> None:
    desk.answer("ann", desk.escalated())
    make_sender(previous_secret=OLD_SECRET).deliver_due()
    ((headers, body),) = receiver.got
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(body, headers)["type"] == "decision.settled"


def test_what_is_delivered_is_not_sent_again(
    desk: Desk, sender: Sender, receiver: Receiver
) -> None:
    desk.answer("ann", desk.escalated())
    assert [sender.deliver_due(), sender.deliver_due()] == [1, 0]
    (message,) = messages(desk)
    assert (message.state, message.status, message.attempts) == ("delivered", 204, 1)
    assert message.delivered_at
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_is_not_taken_is_sent_again_later_under_the_same_id(
    desk: Desk, sender: Sender, receiver: Receiver, status: int
) -> None:
    receiver.answers = [status]
    desk.answer("ann", desk.escalated())
    sender.deliver_due()
    (message,) = messages(desk)
    assert (message.state, message.status, message.attempts) == ("pending", status, 1)
    assert message.error == f"the receiver answered {status}"
    assert message.next_at > stamp()
    assert sender.deliver_due() == 0
    let_it_be_due(desk)
    sender.deliver_due()
    assert messages(desk)[0].state == "delivered"
    assert receiver.ids() == [message.id, message.id]


def test_a_receiver_that_is_not_there_is_no_receiver(desk: Desk, make_sender: MakeSender) -> None:
    sender = make_sender(url="http://127.0.0.1:1/hook", timeout_s=2)
    desk.answer("ann", desk.escalated())
    sender.deliver_due()
    (message,) = messages(desk)
    assert (message.state, message.status) == ("pending", 0)
    assert message.error.startswith("ConnectError")


def test_a_receiver_says_when_to_come_back(desk: Desk, sender: Sender, receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [503], {"Retry-After": "3600"}
    desk.answer("ann", desk.escalated())
    sender.deliver_due()
    assert messages(desk)[0].next_at > stamp(3_500)


def test_after_its_time_a_message_is_dead_until_somebody_retries_it(
    desk: Desk, make_sender: MakeSender, receiver: Receiver
) -> None:
    sender = make_sender(give_up_h=0.001)
    receiver.answers = [500]
    desk.answer("ann", desk.escalated())
    sender.deliver_due()
    (message,) = messages(desk, state="dead")
    assert (message.attempts, message.next_at) == (1, "")
    let_it_be_due(desk)
    assert sender.deliver_due() == 0
    with writing(desk.engine) as connection:
        (again,) = retry(connection, DeliveryAsk(id=""))
    assert (again.id, again.state, again.attempts) == (message.id, "pending", 0)
    sender.deliver_due()
    assert messages(desk)[0].state == "delivered"
    with pytest.raises(AdError) as error, writing(desk.engine) as connection:
        retry(connection, DeliveryAsk(id=str(message.id)))
    assert error.value.code == Code.CASE_SETTLED


def test_a_receiver_that_is_gone_is_not_asked_again(
    desk: Desk, sender: Sender, receiver: Receiver
) -> None:
    receiver.answers = [410]
    desk.answer("ann", desk.escalated())
    sender.deliver_due()
    assert messages(desk)[0].state == "dead"


def test_two_senders_send_each_message_once(
    desk: Desk, make_sender: MakeSender, receiver: Receiver
) -> None:
    for _ in range(6):
        desk.answer("ann", desk.escalated())
    senders = [make_sender(), make_sender()]
    together = threading.Barrier(2)

    def work(sender: Sender) -> None:
        together.wait()
        while sender.deliver_due():
            pass

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, senders))
    assert set(Counter(receiver.ids()).values()) == {1}
    assert len(receiver.got) == 6


def test_what_a_process_took_that_died_is_sent_by_another(
    desk: Desk, sender: Sender, receiver: Receiver
) -> None:
    desk.answer("ann", desk.escalated())
    with writing(desk.engine) as connection:
        assert len(take_due(connection, 10, lease_s=60)) == 1
    assert sender.deliver_due() == 0
    let_it_be_due(desk)
    assert sender.deliver_due() == 1
    assert messages(desk)[0].attempts == 2


def test_a_running_sender_sends_what_is_written_at_once(
    desk: Desk, make_sender: MakeSender, receiver: Receiver
) -> None:
    make_sender(started=True, poll_s=300)
    desk.answer("ann", desk.escalated())
    desk.outbox.wake.set()
    assert receiver.came.wait(WAIT_S)


def test_what_is_rolled_back_is_not_sent(desk: Desk, sender: Sender) -> None:
    case = desk.escalated()
    with (
        desk.engine.execution_options(writes=True).connect() as connection,
        connection.begin() as it,
    ):
        assert desk.outbox.add(connection, "decision.settled", case, {})
        it.rollback()
    assert sender.deliver_due() == 0


def test_a_test_says_what_came_of_it_and_leaves_nothing(
    desk: Desk, sender: Sender, receiver: Receiver
) -> None:
    receiver.answers = [204, 500]
    well, unwell = sender.test(), sender.test()
    assert (well.state, well.status, unwell.state, unwell.status) == ("delivered", 204, "dead", 500)
    assert Webhook(SECRET).verify(receiver.got[0][1], receiver.got[0][0])["type"] == "test"
    with desk.engine.connect() as connection:
        assert connection.execute(select(DELIVERIES)).all() == []


def test_attempts_are_ever_farther_apart() -> None:
    mean = [delay_s(attempt) for attempt in range(1, 12)]
    for attempt, delay in enumerate(mean, 1):
        bare = min(FIRST_DELAY_S * 4 ** (attempt - 1), MOST_DELAY_S)
        assert bare * (1 - JITTER) <= delay <= bare * (1 + JITTER)
    assert delay_s(1, 600) == 600
    assert delay_s(1, 10**9) == MOST_DELAY_S


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://example.com", "secret": SECRET},
        {"url": "https://example.com"},
        {"url": "https://example.com", "secret": "whsec_short"},
        {"url": "https://example.com", "secret": "whsec_" + "A" * 20},
    ],
)
def test_a_webhook_that_could_not_work_is_refused_at_the_start(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"must be|signed"):
        WebhookSettings(**settings)  # type: ignore[arg-type]
