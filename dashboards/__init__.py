"""Grafana as code: dashboards whose names, units, limits and colours are the tables' that the pipeline computes with."""
