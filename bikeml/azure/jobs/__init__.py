"""The jobs of a sweep: each submitted exactly once, whatever gets lost. Pure: no module here imports azure."""
