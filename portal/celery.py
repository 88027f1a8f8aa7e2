"""The Celery application. PostgreSQL holds what is to be done; Redis only rings the bell."""

import os

from celery import Celery
from celery.signals import heartbeat_sent

from portal.heartbeat import beat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.local")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
heartbeat_sent.connect(beat)
