// Package kafkatest gives tests a real Apache Kafka without Docker: Java and Maven are enough.
//
// # Idea
//
// Maven fetches the jars of one Kafka version into a cache folder (os.UserCacheDir()/attemptstream-kafka/<version>);
// brokers run from there in KRaft's combined mode, each one a broker and a controller, on 127.0.0.1. [Start] makes a
// cluster for one test, [Shared] one for all tests of a test binary. ATTEMPTSTREAM_KAFKA_VERSION chooses the version, and
// [Cluster.Upgrade] changes that of one broker while the others run. [Listen] and [Authorize] make brokers that want to know
// who speaks to them, with certificates that an [Authority] signs.
//
// # Invariants
//
//   - A broker does not outlive its test binary, however that ends: a watchdog kills the JVM and removes its data when
//     the pipe that this process holds is closed.
//   - Test binaries that run at once share the cache but no port, no data and no cluster id. A cluster is ready only
//     when it answers under its own id.
//   - A broker that is killed or stopped comes back on the same address with the same data.
//
// # Failure
//
// Where Java or Maven is missing, or Maven cannot fetch the jars, tests are skipped; with ATTEMPTSTREAM_REQUIRE_KAFKA=1
// they fail instead. A Kafka that is there and does not start always fails the test, with the end of its log.
package kafkatest
