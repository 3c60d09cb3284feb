"""Online endpoints: deploy a model, shift traffic, request predictions."""
