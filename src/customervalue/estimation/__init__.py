"""Maximum likelihood for every model: Newton steps, inference, priors, and words for what the data cannot tell."""
