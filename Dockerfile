# syntax=docker/dockerfile:1
# One image for every role: `docker run tellers api`, `worker`, `monitor`, `migrate`, `verify`, ...
#
# Tags move. For an image that can be built again, name what it is built on by digest; this prints one to put in place of a tag:
#
#   docker buildx imagetools inspect debian:bookworm-slim --format '{{.Manifest.Digest}}'
#   docker build --build-arg RUST_IMAGE=rust@sha256:... --build-arg BASE_IMAGE=debian@sha256:... .
ARG RUST_IMAGE=rust:1.95-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# The caches keep what cargo downloaded and built from one build of the image to the next; what they hold
# is not in the image, so the binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin tellers \
    && cp target/release/tellers /usr/local/bin/tellers

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="Tellers" \
      org.opencontainers.image.description="A fleet that posts banking jobs to a double-entry ledger" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# The certificates are for brokers and databases that are reached over TLS.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/tellers /usr/local/bin/tellers
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/tellers/
# Where an ingress keeps files that it imports.
RUN install -d -o 10001 -g 10001 /var/lib/tellers

# Inside a container, 127.0.0.1 is reached by nobody. The binary refuses to listen like this where the fleet has no keys.
ENV API_LISTEN=0.0.0.0:8080 \
    WORKER_LISTEN=0.0.0.0:9100 \
    MONITOR_LISTEN=0.0.0.0:5000 \
    DATA_DIR=/var/lib/tellers \
    HEALTH_URL=http://127.0.0.1:8080/readyz
EXPOSE 8080 9100 5000

# Needs no name, no home and, but for the folder above, no write access: all other state is in the database and the
# broker.
USER 10001:10001
# Finish the batch in hand, acknowledge it, exit 0 within 10 s.
STOPSIGNAL SIGTERM
# HEALTH_URL says which role's; the shell is there to read it.
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s --retries=3 \
    CMD ["/bin/sh", "-c", "exec tellers health --url \"$HEALTH_URL\""]
ENTRYPOINT ["tellers"]
CMD ["--help"]
