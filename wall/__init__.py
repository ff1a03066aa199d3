"""The built-in web page over the same store, for when there is no Grafana."""
