# Everything that the images are made of, compiled from the sources; none of it but /<image>/app leaves this stage.
# TOOLCHAIN has Node ≥ 20 with npm, Rust ≥ 1.89, Go ≥ 1.26, a C++ compiler and make, for the platform of the target,
# and libraries no newer than those of BASE, which has to load what is compiled here: Debian 12 for bookworm-slim.
ARG TOOLCHAIN=hindcast/toolchain
FROM ${TOOLCHAIN} AS build
ARG NATS_VERSION=2.14.5
ARG NATS_CLI_VERSION=0.5.1
WORKDIR /src
COPY . .
RUN npm ci --no-audit --no-fund && npm run build
RUN for image in coordinator rollout-agent index-core; do \
      node_modules/.bin/node deploy/images/assemble.mjs "$image" "/out/$image" || exit 1; \
    done
RUN GOBIN=/out/nats/app CGO_ENABLED=0 go install -trimpath github.com/nats-io/nats-server/v2@v${NATS_VERSION}
RUN GOBIN=/out/backup/app CGO_ENABLED=0 go install -trimpath github.com/nats-io/natscli/nats@v${NATS_CLI_VERSION}
RUN mkdir /out/empty

FROM scratch
COPY --from=build /out /
