"""The policy: its rules in both languages, the articles behind them, their words and examples."""

from __future__ import annotations

from fastapi import Request, Response

from adjudicate.documents import MARKETS, PRODUCTS
from adjudicate.errors import Code, RequestError
from executors.gateway.console.console import Console
from executors.gateway.console.views.policies import SEVERITIES, Filter, laws, rule_of
from executors.gateway.door import READS_LIBRARY


def add_policies(console: Console) -> None:
    """Put `/policies` on the console."""

    async def every(request: Request) -> Response:
        asked = request.query_params
        wanted = Filter(
            text=asked.get("q", "")[:200],
            market=asked.get("market", ""),
            product=asked.get("product", ""),
            severity=asked.get("severity", ""),
        )
        policy = console.policy()
        shown = laws(policy, wanted)
        return console.render(
            request,
            "policies.html",
            here="policies",
            laws=shown,
            found=sum(len(law.rules) for law in shown),
            wanted=wanted,
            policy=policy,
            markets=MARKETS,
            products=PRODUCTS,
            severities=SEVERITIES,
        )

    async def one(request: Request) -> Response:
        code = request.path_params["code"]
        policy = console.policy()
        rule = rule_of(policy, code)
        if rule is None:
            raise RequestError(Code.NOT_FOUND, f"the policy has no rule {code[:50]!r}")
        in_force = code in policy.rules
        return console.render(
            request, "rule.html", here="policies", rule=rule, in_force=in_force, policy=policy
        )

    console.add("/policies", every, needs=READS_LIBRARY)
    console.add("/policies/{code:id}", one, needs=READS_LIBRARY)
    console.menu("policies", "/policies", READS_LIBRARY, order=60)
