package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
)

// embedded is the word that stands for the embedded broker.
const embedded = "embedded"

func (l *loader) kafka(s *Kafka) {
	if !l.vars.Brokers.isSet() {
		l.wrong(&l.vars.Brokers, "is not set: want host:port,… or the word %s for a broker inside the worker", embedded)
	}
	s.Brokers = read(l, &l.vars.Brokers, parseBrokers)
	if slices.Equal(s.Brokers, []string{embedded}) {
		s.Embedded, s.Brokers = true, []string{EmbeddedAddr}
	}
	s.Topic = read(l, &l.vars.Topic, parseTopic)
	s.Partitions = read(l, &l.vars.Partitions, integer(1, math.MaxInt32))
	s.ReplicationFactor = -1
	if n := read(l, &l.vars.ReplicationFactor, replicationFactor); n != 0 {
		s.ReplicationFactor = n
	}
	s.Compression = read(l, &l.vars.Compression, parseCompression)
	l.tls(s)
	l.sasl(s)
}

func parseBrokers(text string) ([]string, error) {
	if strings.EqualFold(text, embedded) {
		return []string{embedded}, nil
	}
	var brokers []string
	for broker := range strings.SplitSeq(text, ",") {
		broker = strings.TrimSpace(broker)
		host, port, err := net.SplitHostPort(broker)
		if err == nil {
			var n uint64
			if n, err = strconv.ParseUint(port, 10, 16); n == 0 {
				err = strconv.ErrRange
			}
		}
		switch {
		case err != nil || host == "" || strings.ContainsAny(host, "/@ "):
			return nil, fmt.Errorf("is not a list of brokers: want host:port,… such as kafka-1:9092,kafka-2:9092, or the word %s", embedded)
		case slices.Contains(brokers, broker):
			return nil, errors.New("has a broker twice: want each once")
		}
		brokers = append(brokers, broker)
	}
	return brokers, nil
}

// maxTopic is the longest name that Kafka takes, with room for .state behind it.
const maxTopic = 249 - len(".state")

func parseTopic(text string) (string, error) {
	legal := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
	}
	if text == "." || text == ".." || len(text) > maxTopic || strings.ContainsFunc(text, func(r rune) bool { return !legal(r) }) {
		return "", fmt.Errorf("is not the name of a topic: want 1 to %d of A-Z a-z 0-9 . _ -", maxTopic)
	}
	return text, nil
}

func replicationFactor(text string) (int, error) {
	n, err := integer(1, math.MaxInt16)(text)
	if err != nil {
		return 0, errors.New("is not a replication factor: want a whole number of at least 1, or nothing for the broker's default")
	}
	return n, nil
}

func parseCompression(text string) (kafka.Compression, error) {
	codecs := map[string]kafka.Compression{"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}
	codec, ok := codecs[strings.ToLower(text)]
	if !ok {
		return 0, errors.New("is not known: want none, gzip, snappy, lz4 or zstd")
	}
	return codec, nil
}

func (l *loader) tls(s *Kafka) {
	s.TLSEnabled = read(l, &l.vars.TLSEnabled, boolean)
	ca, cert, key := &l.vars.TLSCAFile, &l.vars.TLSCertFile, &l.vars.TLSKeyFile
	s.TLSCAFile, s.TLSCertFile, s.TLSKeyFile = ca.value(), cert.value(), key.value()
	if s.Embedded && s.TLSEnabled {
		l.wrong(&l.vars.TLSEnabled, "is true, but the embedded broker has no TLS: want false, or other brokers")
		return
	}
	if !s.TLSEnabled {
		for _, v := range []*variable{ca, cert, key} {
			if v.isSet() && !l.bad[&l.vars.TLSEnabled] {
				l.wrong(v, "is set, but %s is not true: want both or none", l.vars.TLSEnabled.name)
			}
		}
		return
	}
	if !l.needs(NeedKafka) {
		return
	}
	if ca.isSet() {
		if _, err := authorities(ca.value()); err != nil {
			l.wrong(ca, "%s %v", ca.quoted(), err)
		}
	}
	switch {
	case cert.isSet() && !key.isSet():
		l.wrong(key, "is not set, but %s is: want both or none", cert.name)
	case key.isSet() && !cert.isSet():
		l.wrong(cert, "is not set, but %s is: want both or none", key.name)
	case cert.isSet():
		if _, culprit, err := clientCertificate(cert.value(), key.value()); err != nil {
			v := cert
			if culprit == key.value() {
				v = key
			}
			l.wrong(v, "%s %v", v.quoted(), err)
		}
	}
}

// TLSConfig is how TLS is spoken with the brokers, nil if it is not. It reads the files anew.
func (k Kafka) TLSConfig() (*tls.Config, error) {
	if !k.TLSEnabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.TLSCAFile != "" {
		pool, err := authorities(k.TLSCAFile)
		if err != nil {
			return nil, fmt.Errorf("KAFKA_TLS_CA_FILE: %s %w", showPath(k.TLSCAFile), err)
		}
		c.RootCAs = pool
	}
	if k.TLSCertFile != "" || k.TLSKeyFile != "" {
		pair, culprit, err := clientCertificate(k.TLSCertFile, k.TLSKeyFile)
		if err != nil {
			return nil, fmt.Errorf("TLS client certificate: %s %w", showPath(culprit), err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// maxPEM is the size of the largest PEM file; bundles of all public authorities have some 250 KiB.
const maxPEM = 4 << 20

func authorities(path string) (*x509.CertPool, error) {
	data, err := readFile(path, maxPEM)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("has no certificate in it: want PEM, -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}
