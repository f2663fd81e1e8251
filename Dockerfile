# Holdfast and its Envoy in one image: docker build -t holdfast . (compose.yaml and deploy/helm run it.)
FROM python:3.13-slim-trixie AS build
WORKDIR /source
RUN python -m venv /build && python -m venv /opt/holdfast
COPY requirements/build.txt requirements/run.txt requirements/
RUN /build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && /opt/holdfast/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY . .
# `make docs` writes the pages under /help; without them, the image has none.
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/holdfast/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/holdfast/bin/pip uninstall --yes pip

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="Holdfast" \
      org.opencontainers.image.description="An API publisher and gateway that verifies every backend's certificate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/holdfast-gateway/holdfast"
RUN useradd --system --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin holdfast \
    && install --directory --owner=holdfast --group=holdfast --mode=0700 /data
COPY --from=build /opt/holdfast /opt/holdfast
COPY deploy/health.py deploy/compose/create_secrets.py /opt/holdfast/
ENV PATH=/opt/holdfast/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOLDFAST_DATA=/data \
    HOLDFAST_PUBLISHER=0.0.0.0:9080 \
    HOLDFAST_GATEWAY=0.0.0.0:8280 \
    HOLDFAST_SANDBOX=0.0.0.0:8281
USER 10001:10001
VOLUME /data
EXPOSE 9080 8280 8281
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "/opt/holdfast/health.py"]
ENTRYPOINT ["holdfast"]
CMD ["up"]
