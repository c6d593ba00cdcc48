package kafkatest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	versionVariable = "ATTEMPTSTREAM_KAFKA_VERSION"
	requireVariable = "ATTEMPTSTREAM_REQUIRE_KAFKA"

	// Newest is the version that runs where nothing else is asked for.
	Newest = "4.3.1"
	// Before is the last version before the one in which metadata, transactions and groups changed most: the one from
	// which brokers are upgraded.
	Before = "3.9.2"

	// fetchPatience bounds the wait for another test binary that fetches the same jars, and for Maven.
	fetchPatience = 5 * time.Minute
)

// errUnavailable: there can be no Kafka on this machine.
var errUnavailable = errors.New("no real Kafka here")

// distribution is a Kafka that is ready to run.
type distribution struct {
	version string
	java    string
	libs    string // a folder of jars
	tools   string // another one, of the command-line tools; may not exist
	archive string // classes as the JVM wants them in memory: starting takes 1.5 s with it, 3.5 s without; may not exist
}

// chosen is the version that the environment asks for.
func chosen() string {
	if version := os.Getenv(versionVariable); version != "" {
		return version
	}
	return Newest
}

// find returns a version of Kafka, ready to run, after fetching it where need be.
func find(ctx context.Context, version string) (*distribution, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchPatience, fmt.Errorf("fetching Kafka took more than %s", fetchPatience))
	defer cancel()
	d := &distribution{version: version}
	var err error
	if d.java, err = findJava(); err != nil {
		return nil, fmt.Errorf("%w: install Java 17 or newer: %w", errUnavailable, err)
	}
	home := filepath.Join(cacheFolder(), d.version)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	d.libs, d.tools = filepath.Join(home, "libs"), filepath.Join(home, "tools")
	d.archive = filepath.Join(home, "classes-"+d.javaID()+".jsa")
	if d.complete() {
		return d, nil
	}
	// One test binary fetches, the others wait for it; Maven's own repository is not made for several writers.
	unlock, err := lock(ctx, filepath.Join(home, "lock"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	defer unlock()
	if !exists(d.libs) {
		if err := d.fetch(ctx, "kafka_2.13", d.libs); err != nil {
			return nil, fmt.Errorf("%w: %w", errUnavailable, err)
		}
	}
	if !exists(d.archive) {
		if err := d.train(ctx); err != nil {
			return nil, fmt.Errorf("make the class archive of Kafka %s: %w", d.version, err)
		}
	}
	return d, nil
}

func (d *distribution) complete() bool { return exists(d.libs) && exists(d.archive) }

func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return exec.LookPath(filepath.Join(home, "bin", "java"))
	}
	return exec.LookPath("java")
}

// javaID changes with the JVM, which takes no archive of another one.
func (d *distribution) javaID() string {
	path, err := filepath.EvalSymlinks(d.java)
	if err != nil {
		path = d.java
	}
	id := path
	if info, err := os.Stat(path); err == nil {
		id += info.ModTime().String()
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(id)))[:12]
}

func cacheFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil { // no home
		dir = os.TempDir()
	}
	return filepath.Join(dir, "attemptstream-kafka")
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>attemptstream</groupId><artifactId>kafkatest</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>%s</artifactId><version>%s</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`

// fetch lets Maven copy a part of Kafka and what it depends on into a folder, which appears whole or not at all.
func (d *distribution) fetch(ctx context.Context, artifact, into string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("install Maven: %w", err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(into), "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), fmt.Appendf(nil, pom, artifact, d.version), 0o644); err != nil {
		return err
	}
	libs := filepath.Join(dir, "libs")
	cmd := exec.CommandContext(ctx, mvn, "-B", "-q", "-f", dir,
		"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", "-DoutputDirectory="+libs)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn could not fetch %s of Kafka %s: %w: %s", artifact, d.version, err, tail(string(out)))
	}
	return os.Rename(libs, into)
}

// train runs a broker once and keeps what classes it loaded.
func (d *distribution) train(ctx context.Context) error {
	fresh := d.archive + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	c, err := start(ctx, d, &settings{brokers: 1, jvm: []string{"-XX:ArchiveClassesAtExit=" + fresh}})
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.Stop(ctx, 0); err != nil {
		return err
	}
	return os.Rename(fresh, d.archive)
}

// jvm is the command line up to the main class. The tests' brokers live for seconds: they want to start quickly.
func (d *distribution) jvm() []string {
	args := []string{d.java, "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"-cp", filepath.Join(d.libs, "*")}
	if exists(d.archive) {
		args = append(args, "-XX:SharedArchiveFile="+d.archive)
	}
	return args
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// tail is the end of a log.
func tail(log string) string {
	const most = 4000
	log = strings.TrimSpace(log)
	if len(log) <= most {
		return log
	}
	log = log[len(log)-most:]
	_, log, _ = strings.Cut(log, "\n")
	return "…\n" + log
}
