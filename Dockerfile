# docker build --build-arg VERSION=1.2.3 --build-arg REVISION=$(git rev-parse HEAD) -t attemptstream:1.2.3 .
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# By name, so that nothing else lying about here, keys of deploy/secrets above all, gets into a layer.
COPY cmd ./cmd
COPY internal ./internal
COPY schemas ./schemas
ARG VERSION=development
ARG REVISION=unknown
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" \
      -o /out/attemptstream ./cmd/attemptstream \
 && mkdir /out/data

# Only the program and the authorities' certificates: no shell, and nobody but a user without rights.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/attemptstream /attemptstream
# For KAFKA_BROKERS=embedded alone: everything else is in Kafka.
COPY --from=build --chown=65532:65532 /out/data /data
ENV DATA_DIR=/data
USER 65532:65532
# Status page and metrics, once ADMIN_ADDR is an address outside of the container, such as 0.0.0.0:8080.
EXPOSE 8080
ENTRYPOINT ["/attemptstream"]
CMD ["run"]
