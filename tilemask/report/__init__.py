"""Reporting: pictures of a result that fit on a screen."""
