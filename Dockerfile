# docker build --build-arg VERSION=1.2.3 --build-arg REVISION=$(git rev-parse HEAD) -t attemptstream .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=development REVISION=unknown
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" \
      -o /attemptstream ./cmd/attemptstream \
 && mkdir /data

# Only the program and the authorities' certificates: no shell, and nobody but a user without rights.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /attemptstream /attemptstream
# For KAFKA_BROKERS=embedded alone: everything else is in Kafka.
COPY --from=build --chown=65532:65532 /data /data
ENV DATA_DIR=/data
USER 65532:65532
ENTRYPOINT ["/attemptstream"]
CMD ["run"]
