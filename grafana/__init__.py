"""Dashboards of the service's metrics, and the rules that alert on them.

`python -m grafana` writes grafana/dashboards/ anew from the modules here, and
`python -m grafana.picture` draws one of them. Names come from the catalogue of metrics, so one that
is renamed there is renamed here too.
"""
