# nats-server where its own image cannot be pulled; elsewhere use nats:2.14.5 by digest.
# BUILD holds what build.Dockerfile made. BASE is a Debian with glibc, libstdc++ and CA certificates and nothing else;
# newer ones are named by digest, too. The process is the first of its container and takes SIGTERM
# itself, so there is no init. It writes nowhere but below /tmp and its store_dir.
ARG BUILD=hindcast/build
ARG BASE=debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241
FROM ${BUILD} AS build

FROM ${BASE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hindcast/nats" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /nats/app /app
# A volume of Docker's takes its owner over from here.
COPY --chown=10001:10001 --from=build /empty /data
ENV PATH=/app
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 4222 6222 8222
ENTRYPOINT ["/app/nats-server"]
