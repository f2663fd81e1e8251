"""Writers take turns in order of arrival, and their wait is limited."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.server.clock import utc_now
from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiFilter
from holdfast.store.database import Store
from holdfast.store.errors import StoreBusy
from holdfast.store.postgresql import engine as postgresql_engine
from holdfast.store.sqlite import engine as sqlite_engine
from holdfast.store.turns import Turns
from running import wait_until
from store.values import make_api

LONG = 60.0
AT_ONCE = 8  # writers


@pytest.fixture
def be_impatient(monkeypatch):
    """Limit the time that writers wait."""

    def be_impatient(seconds):
        for engine in (sqlite_engine, postgresql_engine):
            monkeypatch.setattr(engine, "PATIENCE", seconds)

    return be_impatient


def test_turns_come_in_order_of_arrival():
    turns, order = Turns(limit=20, patience=LONG), []

    def work(number):
        with turns.turn():
            order.append(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(20)]
    with turns.turn():
        for waiting, thread in enumerate(threads, start=1):
            thread.start()
            wait_until(lambda waiting=waiting: turns.waiting == waiting)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == list(range(20))


@pytest.mark.long
def test_a_writer_that_waits_too_long_or_behind_too_many_gives_up_without_blocking_others():
    turns, errors = Turns(limit=1, patience=0.5), []

    def wait():
        try:
            with turns.turn():
                pass
        except StoreBusy as error:
            errors.append(error)

    with turns.turn():
        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: turns.waiting or errors)
        with pytest.raises(StoreBusy), turns.turn():  # one is waiting, and no more may
            pass
        thread.join()
        assert len(errors) == 1
    with turns.turn() as patience:
        assert 0 < patience <= 0.5


def test_a_turn_that_ends_with_an_error_is_passed_on():
    turns = Turns(limit=1, patience=LONG)
    with pytest.raises(ZeroDivisionError), turns.turn():
        _ = 1 / 0
    with turns.turn():
        pass


@pytest.mark.usefixtures("anna")
def test_a_long_write_of_another_process_is_reported_as_busy(be_impatient, storage):
    be_impatient(0.1)
    store = Store(storage.location, utc_now())
    with storage.writing():
        began = time.monotonic()
        with pytest.raises(StoreBusy, match=r"Try again in 5 seconds\."), store.write() as session:
            apis.insert(session, make_api())
        assert time.monotonic() - began < 5
        with store.read() as session:
            assert apis.find(session, "default", ApiFilter())[1] == 0
    with store.write() as session:
        apis.insert(session, make_api())
    store.close()


@pytest.mark.long
@pytest.mark.usefixtures("anna")
def test_writers_wait_for_another_process_at_the_same_time(be_impatient, storage):
    be_impatient(0.6)
    store = Store(storage.location, utc_now())

    def write(_):
        with pytest.raises(StoreBusy), store.write() as session:
            apis.insert(session, make_api())

    with storage.writing():
        for _ in range(3):  # a busy machine can be slow once
            began = time.monotonic()
            with ThreadPoolExecutor(AT_ONCE) as threads:
                list(threads.map(write, range(AT_ONCE)))
            took = time.monotonic() - began
            if took < AT_ONCE * 0.6:
                break
    assert took < AT_ONCE * 0.6
    store.close()
