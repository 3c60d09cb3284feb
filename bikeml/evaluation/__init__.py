"""How good a fitted pipeline is: functions of arrays."""
