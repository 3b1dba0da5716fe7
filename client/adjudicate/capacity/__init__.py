"""What a load needs, in replicas, nodes, bytes and money: docs/capacity.md has the formula."""
