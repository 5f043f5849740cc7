# `nats` and a shell: what the CronJobs of bases/backup save streams and put them back with.
# BUILD holds what build.Dockerfile made. BASE is a Debian with glibc, CA certificates, a shell and coreutils and nothing
# else; newer ones are named by digest, too. It writes nowhere but below /tmp and /backup.
ARG BUILD=hindcast/build
ARG BASE=debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241
FROM ${BUILD} AS build

FROM ${BASE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hindcast/backup" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /backup/app /app
# `nats` asks who it is, and 10001 has no name in the base.
ENV PATH=/app:/usr/bin:/bin HOME=/tmp USER=backup
USER 10001:10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/nats"]
