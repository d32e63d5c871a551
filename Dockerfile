# The platform needs no C library and no shell. A container brings no
# PostgreSQL of its own: give it DATABASE_URL.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /platform ./cmd/platform

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /platform /platform
ENV LYCEUM_LISTEN=0.0.0.0:8080 LYCEUM_OPS_LISTEN=0.0.0.0:8081 LYCEUM_DATA_DIR=/data LYCEUM_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080 8081
ENTRYPOINT ["/platform"]
