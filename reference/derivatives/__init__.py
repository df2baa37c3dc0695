"""The routes: each file is one way to the same number, sharing as little code as possible."""
