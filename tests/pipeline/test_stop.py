import os
import signal
import threading

import pytest

from batchmri.pipeline.stop import Stop


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_asks_to_stop_and_gives_the_exit_code(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        items = stop.until(iter(range(10)))
        assert next(items) == 0
        os.kill(os.getpid(), number)
        assert list(items) == []
        assert stop.exit_code == code
    assert signal.getsignal(number) is before


def test_a_spent_budget_asks_to_stop_and_a_signal_still_counts_more() -> None:
    stop = Stop(time_budget_s=0.0)
    assert stop.requested
    assert stop.exit_code == 5
    stop.request(143, "interrupted")
    stop.request(3, "failures")
    assert stop.exit_code == 143


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def enter() -> None:
        with Stop():
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
