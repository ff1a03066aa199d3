"""What a judgement is of: the city, or what one of these names begins with."""

CITY = "city"
DISTRICT = "district:"
RIVER = "river:"
STATION = "station:"
SECTION = "section:"
METER = "meter:"
TUNNEL = "tunnel:"
