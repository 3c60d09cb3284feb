"""Encode the columns of a table for a model: the parts of a ColumnTransformer, and the names of what they make."""
