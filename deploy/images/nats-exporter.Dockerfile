# prometheus-nats-exporter where its own image cannot be pulled; elsewhere use natsio/prometheus-nats-exporter by digest.
# BUILD holds what build.mjs made of its Go module. BASE is a Debian with CA certificates and nothing else. It writes nowhere.
ARG BUILD=hindcast/build
ARG BASE=debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241
FROM ${BUILD} AS build

FROM ${BASE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hindcast/nats-exporter" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /nats-exporter/app /app
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 7777
ENTRYPOINT ["/app/prometheus-nats-exporter"]
