"""From the YAML of conf/ to typed values: composition, schema, validation. Hydra composes, pydantic checks."""
