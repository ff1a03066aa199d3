"""The books as Grafana draws them: `points.py` says what becomes of each thing, `projector.py` writes it as it changes."""
