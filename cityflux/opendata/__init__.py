"""Open data (统一发布共享): a month as files that anybody can read and check, signed; and the checking of what was received."""
