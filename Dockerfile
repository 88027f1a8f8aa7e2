# syntax=docker/dockerfile:1
FROM python:3.12-slim-bookworm AS packages
COPY requirements.lock /
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /requirements.lock

FROM python:3.12-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-inter fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin portal \
    && install --directory --owner portal --group portal --mode 0700 /data
COPY --from=packages /venv /venv
COPY manage.py pyproject.toml LICENSE /portal/
COPY portal /portal/portal
COPY apps /portal/apps
COPY templates /portal/templates
RUN for po in /portal/portal/locale/*/LC_MESSAGES/django.po; do \
        if [ -f "$po" ]; then /venv/bin/pybabel --quiet compile --domain django --input-file "$po" --output-file "${po%.po}.mo"; fi; \
    done
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=portal.settings.production \
    PORTAL_HOME=/data
WORKDIR /portal
USER portal
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "portal.wsgi:application", "--config", "portal/serving.py", "--bind", "0.0.0.0:8000", \
     "--worker-tmp-dir", "/dev/shm", "--access-logfile", "-"]
