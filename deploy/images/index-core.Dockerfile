# A retrieval replica.
# BUILD holds what build.Dockerfile made. BASE is a Debian with glibc, libstdc++ and CA certificates and nothing else;
# newer ones are named by digest, too. The process is the first of its container and takes SIGTERM
# itself, so there is no init. It writes nowhere but below /tmp and HINDCAST_INDEX_FOLDER.
ARG BUILD=hindcast/build
ARG BASE=debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241
FROM ${BUILD} AS build

FROM ${BASE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hindcast/index-core" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /index-core/app /app
# A volume of Docker's takes its owner over from here.
COPY --chown=10001:10001 --from=build /empty /index
ENV NODE_ENV=production HOME=/tmp HINDCAST_METRICS_HOST=0.0.0.0 HINDCAST_METRICS_PORT=9464
USER 10001:10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
EXPOSE 9464
ENTRYPOINT ["/app/node", "--require", "/app/early-signals.cjs"]
CMD ["/app/index-core/dist/main.js"]
