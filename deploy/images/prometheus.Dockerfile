# Prometheus where its own image cannot be pulled; elsewhere use prom/prometheus by digest.
# BUILD holds what build.mjs made of this machine's Prometheus. BASE is a Debian with glibc and CA certificates and nothing
# else. It writes nowhere but below /tmp and its storage.tsdb.path.
ARG BUILD=hindcast/build
ARG BASE=debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241
FROM ${BUILD} AS build

FROM ${BASE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hindcast/prometheus" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /prometheus/app /app
# A volume takes its owner over from here.
COPY --chown=65534:65534 --from=build /empty /prometheus
ENV PATH=/app
USER 65534:65534
STOPSIGNAL SIGTERM
EXPOSE 9090
ENTRYPOINT ["/app/prometheus"]
