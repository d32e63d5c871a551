# The platform needs no C library and no shell: the last stage holds the binary,
# the authorities that sign certificates, and nothing else. A container brings no
# PostgreSQL: give it DATABASE_URL. Files and caught mail are in /data, which
# belongs to the image's user (65532).
#
#   docker build -t lyceum .
#   docker run -p 8080:8080 -e DATABASE_URL=postgres://... -v lyceum:/data lyceum
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /platform ./cmd/platform && mkdir /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /platform /platform
COPY --from=build --chown=65532:65532 /data /data
ENV LYCEUM_LISTEN=0.0.0.0:8080 LYCEUM_OPS_LISTEN=0.0.0.0:8081 LYCEUM_DATA_DIR=/data LYCEUM_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080 8081
USER 65532:65532
ENTRYPOINT ["/platform"]
