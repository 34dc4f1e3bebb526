from tests.nights.kills import check


def test_killed_scans_are_resumed_to_the_same_bytes() -> None:
    """The short form of `python -m tests.nights.kills`: one kill of each kind."""
    assert check(n_kills=4, n_series=6, seed=3) >= 3
