# docker build --build-arg VERSION=1.2.3 -t attemptstream .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=development
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /attemptstream ./cmd/attemptstream \
 && mkdir /data

# Only the program, the authorities' certificates and time zones; no shell, and nobody but nonroot (65532).
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /attemptstream /attemptstream
# For KAFKA_BROKERS=embedded alone: everything else is in Kafka.
COPY --from=build --chown=65532:65532 /data /data
ENV DATA_DIR=/data
USER 65532:65532
ENTRYPOINT ["/attemptstream"]
CMD ["run"]
