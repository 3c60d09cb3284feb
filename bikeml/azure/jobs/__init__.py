"""The jobs of a sweep. Each is submitted exactly once, even if replies are lost. No module here imports azure."""
