"""The commands of the command line, by what a person wants: serve, feed, judge, ask, keep, check."""
