# The image: a static binary and nothing else. A command as source needs an image of its own, into which the binary goes:
#   COPY --from=registry.example.org/ralphext:0.1.0 /ralphext /usr/local/bin/ralphext
#
#   docker build -t ralphext .                                       # builds it all
#   make image                                                       # packs a static binary that is there, with buildah

FROM scratch AS base
LABEL org.opencontainers.image.title="ralphext" \
      org.opencontainers.image.description="Keeps the content of Ralph extension tabs in Redis" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 9782
ENTRYPOINT ["/ralphext"]
CMD ["run"]

FROM base AS prebuilt
COPY dist/rootfs/ /

FROM rust:1.95-bookworm AS build
WORKDIR /ralphext
COPY . .
RUN RALPHEXT_ROOTFS=/rootfs scripts/dist.sh --out /tmp/dist

FROM base
COPY --from=build /rootfs/ /
