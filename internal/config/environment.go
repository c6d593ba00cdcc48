package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// variables is the table of all settings, in the order in which they are shown. The tags are
//
//   - envconfig, default: as envconfig knows them,
//   - unset: what stands for the default where there is none,
//   - meaning: one line,
//   - kind: "secret" is never shown; "path" is the path of a file, and is hidden where it may be a secret by mistake;
//     "url" may have a secret in it; "optional" has a meaning when it is set and empty.
type variables struct {
	BaseURL        variable `envconfig:"IMOCHA_BASE_URL" default:"https://apiv3.imocha.io" kind:"url" meaning:"where the iMocha API is"`
	APIKey         variable `envconfig:"IMOCHA_API_KEY" kind:"secret" meaning:"the API key; one of this and IMOCHA_API_KEY_FILE, unless IMOCHA_ACCOUNTS_FILE is set"`
	APIKeyFile     variable `envconfig:"IMOCHA_API_KEY_FILE" kind:"path" meaning:"file that holds the API key; read again when the key is refused"`
	AccountsFile   variable "envconfig:\"IMOCHA_ACCOUNTS_FILE\" kind:\"path\" meaning:\"several accounts: a JSON array of `{\\\"name\\\",\\\"apiKeyFile\\\"}`; without it there is one, named `default`\""
	RequestTimeout variable `envconfig:"IMOCHA_REQUEST_TIMEOUT" default:"30s" meaning:"longest time that a request may take"`
	RateLimit      variable `envconfig:"IMOCHA_RATE_LIMIT" default:"5" meaning:"requests a second and account"`
	Concurrency    variable `envconfig:"IMOCHA_CONCURRENCY" default:"4" meaning:"requests under way at once, per account; 1 to 64"`

	Brokers           variable "envconfig:\"KAFKA_BROKERS\" unset:\"required by all but `demo` and `simulate`\" kind:\"url\" meaning:\"host:port,…; or the word `embedded`: a broker inside the worker, on `127.0.0.1:9092`, that keeps its data in `DATA_DIR`: for trials on one machine, never chosen silently\""
	Topic             variable "envconfig:\"KAFKA_TOPIC\" default:\"test-attempts\" meaning:\"events; `<topic>.state` and `<topic>.dlq` beside it\""
	Partitions        variable `envconfig:"KAFKA_PARTITIONS" default:"6" meaning:"for topics it creates; topics that exist are checked (the state topic must be compacted), not changed"`
	ReplicationFactor variable `envconfig:"KAFKA_REPLICATION_FACTOR" unset:"the broker's" meaning:"for topics it creates"`
	Compression       variable `envconfig:"KAFKA_COMPRESSION" default:"zstd" meaning:"none, gzip, snappy, lz4, zstd"`
	TLSEnabled        variable `envconfig:"KAFKA_TLS_ENABLED" default:"false" meaning:"speak TLS (1.2 or newer) with the brokers"`
	TLSCAFile         variable `envconfig:"KAFKA_TLS_CA_FILE" kind:"path" unset:"the system's" meaning:"PEM file of the authorities that the brokers' certificates are checked against"`
	TLSCertFile       variable `envconfig:"KAFKA_TLS_CERT_FILE" kind:"path" meaning:"PEM file of the client certificate; together with KAFKA_TLS_KEY_FILE"`
	TLSKeyFile        variable `envconfig:"KAFKA_TLS_KEY_FILE" kind:"path" meaning:"PEM file of the client certificate's key"`
	SASLMechanism     variable `envconfig:"KAFKA_SASL_MECHANISM" meaning:"plain, scram-sha-256, scram-sha-512"`
	SASLUsername      variable `envconfig:"KAFKA_SASL_USERNAME" meaning:"who logs in at the brokers"`
	SASLPassword      variable `envconfig:"KAFKA_SASL_PASSWORD" kind:"secret" meaning:"the password; one of this and KAFKA_SASL_PASSWORD_FILE"`
	SASLPasswordFile  variable `envconfig:"KAFKA_SASL_PASSWORD_FILE" kind:"path" meaning:"file that holds the password; read again for each connection"`

	States           variable `envconfig:"STREAM_STATES" default:"completed,cancelled,expired" meaning:"what is read: some of completed, cancelled, expired"`
	StartAt          variable `envconfig:"STREAM_START_AT" default:"-24h" meaning:"where a state with no checkpoint begins: RFC 3339, a date, or a span before now"`
	PollInterval     variable `envconfig:"STREAM_POLL_INTERVAL" default:"30s" meaning:"how often new time is asked for; at least 1s"`
	SettleDelay      variable `envconfig:"STREAM_SETTLE_DELAY" default:"30s" meaning:"nothing younger than this is asked for"`
	Lookback         variable "envconfig:\"STREAM_LOOKBACK\" default:\"168h\" meaning:\"how far back covered time is read again for late arrivals; `0` turns it off\""
	LookbackInterval variable `envconfig:"STREAM_LOOKBACK_INTERVAL" default:"10m" meaning:"how often its youngest hour is read again; older time more rarely"`
	WindowMax        variable `envconfig:"STREAM_WINDOW_MAX" default:"24h" meaning:"longest window; at least 2s"`
	WindowAttempts   variable `envconfig:"STREAM_WINDOW_ATTEMPTS" default:"1000" meaning:"windows are kept narrow enough for answers to stay under this length"`

	PIIPolicy  variable `envconfig:"PII_POLICY" default:"plain" meaning:"name and email in events: plain, hash (keyed HMAC-SHA-256), drop"`
	PIIHashKey variable `envconfig:"PII_HASH_KEY_FILE" kind:"path" meaning:"file that holds the key for hash, at least 16 bytes"`

	AdminAddr variable "envconfig:\"ADMIN_ADDR\" default:\"127.0.0.1:8080\" kind:\"optional\" meaning:\"status page, `/status`, `/metrics`, `/healthz`, `/readyz`; empty: none\""
	LogLevel  variable `envconfig:"LOG_LEVEL" default:"info" meaning:"debug, info, warn, error"`
	LogFormat variable "envconfig:\"LOG_FORMAT\" default:\"json\" meaning:\"json, or `console` for people\""
	DataDir   variable `envconfig:"DATA_DIR" default:"./data" meaning:"embedded broker only"`
}

// newVariables is the table with no value read yet.
func newVariables() *variables {
	vars := &variables{}
	table := reflect.ValueOf(vars).Elem()
	for i := range table.NumField() {
		tag := table.Type().Field(i).Tag
		*table.Field(i).Addr().Interface().(*variable) = variable{
			name: tag.Get("envconfig"), def: tag.Get("default"), unset: tag.Get("unset"), meaning: tag.Get("meaning"), kind: tag.Get("kind"),
		}
	}
	return vars
}

// all are the variables in their order.
func (vars *variables) all() []*variable {
	table := reflect.ValueOf(vars).Elem()
	all := make([]*variable, table.NumField())
	for i := range all {
		all[i] = table.Field(i).Addr().Interface().(*variable)
	}
	return all
}

// An Environment is what settings are read from.
type Environment struct {
	vars  *variables
	names []string // of everything in the environment, to find mistyped ones
}

// Process is the environment of this process.
func Process() (Environment, error) {
	env := Environment{vars: newVariables()}
	if err := envconfig.Process("", env.vars); err != nil {
		return Environment{}, fmt.Errorf("read the environment: %w", err)
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		env.names = append(env.names, name)
	}
	return env, nil
}

// FromMap is an environment that holds values and nothing else, read as Process reads the process's.
func FromMap(values map[string]string) Environment {
	env := Environment{vars: newVariables()}
	for _, v := range env.vars.all() {
		if text, ok := values[v.name]; ok {
			v.text = text
		} else {
			v.text = v.def
		}
	}
	for name := range values {
		env.names = append(env.names, name)
	}
	return env
}
