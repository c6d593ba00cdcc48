package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// clientCertificate is the pair of the two files. On failure, culprit is the file that is wrong.
func clientCertificate(certFile, keyFile string) (pair tls.Certificate, culprit string, err error) {
	cert, err := readFile(certFile, maxPEM)
	if err != nil {
		return pair, certFile, err
	}
	if err := firstCertificate(cert); err != nil {
		return pair, certFile, err
	}
	key, err := readFile(keyFile, maxPEM)
	if err != nil {
		return pair, keyFile, err
	}
	if !hasKey(key) {
		return pair, keyFile, errors.New("has no private key in it that can be used: want PEM, -----BEGIN PRIVATE KEY-----, not encrypted")
	}
	// Its error is of a few fixed texts, but what is wrong is clear by now.
	pair, err = tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, keyFile, errors.New("is not the key of the certificate in KAFKA_TLS_CERT_FILE: want the two that belong together")
	}
	return pair, "", nil
}

// firstCertificate checks the certificate that counts.
func firstCertificate(data []byte) error {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return errors.New("has a damaged certificate in it: want PEM, -----BEGIN CERTIFICATE-----")
		}
		// Brokers say of it only that it is bad.
		if time.Now().After(certificate.NotAfter) {
			return fmt.Errorf("has a certificate that expired at %s: want a new one, or check this machine's clock", certificate.NotAfter.UTC().Format(time.RFC3339))
		}
		return nil
	}
	return errors.New("has no certificate in it: want PEM, -----BEGIN CERTIFICATE-----")
}

// hasKey tells whether there is a key of a form that crypto/tls reads.
func hasKey(data []byte) bool {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "PRIVATE KEY" && !strings.HasSuffix(block.Type, " PRIVATE KEY") {
			continue
		}
		_, pkcs8 := x509.ParsePKCS8PrivateKey(block.Bytes)
		_, pkcs1 := x509.ParsePKCS1PrivateKey(block.Bytes)
		_, ec := x509.ParseECPrivateKey(block.Bytes)
		return pkcs8 == nil || pkcs1 == nil || ec == nil
	}
	return false
}
