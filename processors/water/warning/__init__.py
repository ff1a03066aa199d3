"""Early warning of sections: what a cycle says before a month is over."""
