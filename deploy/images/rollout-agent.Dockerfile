# A rollout agent. Its own system is what sandboxes see, read-only: bash, git and the usual tools belong to it.
# BUILD holds what build.Dockerfile made. BASE is a Debian with glibc, libstdc++ and CA certificates and nothing else;
# newer ones are named by digest, too. The process is the first of its container and takes SIGTERM
# itself, so there is no init. It writes nowhere but below /tmp.
ARG BUILD=hindcast/build
ARG BASE=debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241
FROM ${BUILD} AS build

FROM ${BASE}
# A base that has them already (agent-base of build.mjs) is left as it is.
RUN test -x /usr/bin/bwrap || { apt-get update && \
    apt-get install -y --no-install-recommends bubblewrap git procps less ca-certificates && \
    rm -rf /var/lib/apt/lists/*; }
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hindcast/rollout-agent" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /rollout-agent/app /app
# Of MALLOC_: ADR 0096.
ENV MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
ENV NODE_ENV=production HOME=/tmp HINDCAST_METRICS_HOST=0.0.0.0 HINDCAST_METRICS_PORT=9464 HINDCAST_GUEST_PATH=/app/hindcast-guest
USER 10001:10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
EXPOSE 9464
ENTRYPOINT ["/app/node", "--require", "/app/early-signals.cjs"]
CMD ["/app/rollout-agent/dist/main.js"]
