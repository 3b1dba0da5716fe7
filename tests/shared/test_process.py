"""What a process of the Flow knows of itself."""

import pytest

from executors.shared.process import replica_of


@pytest.mark.parametrize(
    ("pod", "replica"),
    [("encoder/rep-0", 0), ("encoder/rep-12", 12), ("encoder", 0), ("", 0), ("gateway", 0)],
)
def test_a_replica_is_known_by_the_name_of_its_pod(pod: str, replica: int) -> None:
    assert replica_of(pod) == replica
