"""Online endpoints: deploy a model, shift traffic, ask for predictions."""
