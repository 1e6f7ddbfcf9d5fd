# syntax=docker/dockerfile:1
# One program in an image, and nothing else:  docker build --build-arg BIN=movies .
# BIN is gateway, monolith, movies, users, payments or events. All of them are compiled in one stage, so six images cost one build.
# For both processors, each compiled on the builder's own:  docker buildx build --platform linux/amd64,linux/arm64 .
ARG BIN=gateway

FROM --platform=$BUILDPLATFORM rust:1.95.0-bookworm AS build
ARG TARGETARCH
WORKDIR /build
COPY tests/tools/static.sh tests/tools/
RUN tests/tools/static.sh tools "$TARGETARCH"
# What the programs stand on: a layer that lasts for as long as these files do.
COPY Cargo.toml Cargo.lock ./
COPY gateway/Cargo.toml gateway/
COPY services/Cargo.toml services/
COPY tests/Cargo.toml tests/
RUN tests/tools/static.sh dependencies "$TARGETARCH"
COPY kafka/topics kafka/
COPY gateway gateway
COPY services services
RUN tests/tools/static.sh programs "$TARGETARCH" /build/programs
# What every image has beside its program: who runs it, how names are looked up, whom TLS to upstreams trusts, and a place for
# the embedded database of a service that is given no other.
RUN mkdir -p root/etc/ssl/certs data \
 && echo 'nonroot:x:65532:65532::/:/program' >root/etc/passwd \
 && echo 'nonroot:x:65532:' >root/etc/group \
 && echo 'hosts: files dns' >root/etc/nsswitch.conf \
 && cp /etc/ssl/certs/ca-certificates.crt root/etc/ssl/certs/

FROM scratch
ARG BIN
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="CinemaAbyss: $BIN" \
      org.opencontainers.image.description="A monolith, the services taken out of it, and the strangler-fig gateway in front of them" \
      org.opencontainers.image.source="https://github.com/cinemaabyss/cinemaabyss" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /build/root/ /
COPY --from=build --chown=65532:65532 /build/data /data
COPY --from=build /build/programs/$BIN /program
# The gateway's file is in a folder of its own, which is what one mounts: a file that is mounted alone is never seen to change.
ENV ROUTES_FILE=/etc/gateway/routes.yaml
USER 65532:65532
ENTRYPOINT ["/program"]
CMD ["run"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/program", "health"]
