"""The tasks of the command line with recorded runs. Those with tables and with models have rooms of their own."""
