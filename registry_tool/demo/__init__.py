"""The demo: the whole life of a model, with a small model that it trains. No other part needs this package."""
