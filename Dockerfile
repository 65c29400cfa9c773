# The image of everything except Apache Spark, MinIO and PostgreSQL: Prefect server and worker, the one-shots,
# the simulator, the command line. It has the embedded engine and no Java.
FROM ghcr.io/astral-sh/uv:latest AS uv

FROM python:3.11-slim-bookworm AS build
COPY --from=uv /uv /usr/local/bin/uv
WORKDIR /app
COPY infra/worker.lock ./
# Only PySpark's Connect client is used here; its jars (300 MB) are for a JVM.
RUN uv venv --python python3.11 /opt/venv \
 && uv pip install --python /opt/venv/bin/python --no-cache --require-hashes --no-deps -r worker.lock \
 && rm -rf /opt/venv/lib/python3.11/site-packages/pyspark/jars
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY delta_tables delta_tables
COPY flows flows
COPY jobs jobs
COPY quality quality
COPY serving serving
RUN uv pip install --python /opt/venv/bin/python --no-cache --no-deps --no-build-isolation . \
 && (/opt/venv/bin/python -m compileall -q /opt/venv/lib/python3.11/site-packages >/dev/null || true)

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --home-dir /home/lakehouse lakehouse \
 && install -d -o lakehouse -g lakehouse /state /lake
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY config config
COPY infra/stack infra/stack
COPY prefect.yaml ./
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PREFECT_HOME=/state/prefect \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1 \
    LAKEHOUSE_STATE_DIR=/state
USER lakehouse
CMD ["lakehouse", "--help"]
