"""Calendars and time zones, pure: the same rule, zone and moment give the same answer. Reads no clock."""
