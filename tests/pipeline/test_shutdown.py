import os
import signal
import threading
from concurrent.futures import Future

import pytest

from batchmri.errors import InterruptedRunError
from batchmri.interrupts import SIGNALS
from batchmri.pipeline.engines.worker_pool import WorkerPool
from batchmri.pipeline.run.shutdown import Shutdown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_requests_a_stop_and_sets_the_exit_code(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with Shutdown() as stop:
        items = stop.until(iter(range(10)))
        assert next(items) == 0
        os.kill(os.getpid(), number)
        assert list(items) == []
        assert stop.exit_code == code
    assert signal.getsignal(number) is before


def test_a_spent_budget_requests_a_stop_and_a_signal_takes_precedence() -> None:
    stop = Shutdown(time_budget_s=0.0)
    assert stop.requested
    assert stop.exit_code == 5
    stop.request(143, "interrupted")
    stop.request(3, "failures")
    assert stop.exit_code == 143


def test_a_lifted_budget_requests_no_stop_any_more() -> None:
    stop = Shutdown(time_budget_s=0.0)
    assert stop.requested
    stop.lift_time_budget()
    assert not stop.requested and (stop.exit_code, stop.why) == (0, "")
    stop.request(3, "failures")
    stop.lift_time_budget()
    assert stop.exit_code == 3


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def enter() -> None:
        with Shutdown():
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()


def test_a_second_signal_has_its_usual_effect() -> None:
    seen: list[int] = []
    before = {n: signal.signal(n, lambda number, _: seen.append(number)) for n in SIGNALS}
    with Shutdown() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop.exit_code, seen) == (130, [])
        os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_ends_a_wait_but_the_time_budget_does_not() -> None:
    with Shutdown(time_budget_s=0.0) as stop:
        assert stop.requested
        done: Future[int] = Future()
        done.set_result(3)
        assert stop.result(done) == 3, "the time budget lets finish what is in flight"
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(InterruptedRunError):
            stop.result(Future())
        stop.check(grace_s=60)


def test_a_timeout_of_the_function_itself_is_its_result() -> None:
    failed: Future[int] = Future()
    failed.set_exception(TimeoutError("of the function"))
    with pytest.raises(TimeoutError, match="of the function"):
        Shutdown().result(failed)


def test_what_is_due_while_waiting_is_done_and_its_errors_are_not_those_of_the_future() -> None:
    stop = Shutdown()
    future: Future[int] = Future()
    stop.while_waiting = lambda: None if future.done() else future.set_result(3)
    assert stop.result(future) == 3
    pool = object.__new__(WorkerPool)
    pool._stop = stop

    def fails() -> None:
        raise TypeError("of the commit")

    stop.while_waiting = fails
    with pytest.raises(TypeError, match="of the commit"):
        pool._wait(Future())
