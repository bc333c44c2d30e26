"""The demo: the main job once, on a real model that it trains itself. No program needs this package."""
