// Nothing to call: see CNoCalendars.c.
