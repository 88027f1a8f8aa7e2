"""The composition root: settings, addresses, background work, embedded services."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
