"""Purchase models, spend models and the lifetime value they make together."""
