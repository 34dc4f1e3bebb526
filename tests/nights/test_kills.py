from tests.nights.kills import check


def test_killed_scans_are_resumed_to_the_same_bytes() -> None:
    """The short form of `python -m tests.nights.kills`: one kill at each planted point."""
    assert check(n_kills=3, n_series=4, seed=3) >= 2
