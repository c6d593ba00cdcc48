// Package deploy has no code: its tests hold what lies here to what the program does.
//
// # Idea
//
// Files for Docker, Compose, Kubernetes, Prometheus and Grafana are written against the program's settings, ports and
// metrics, and nothing in those systems notices when one of them changes its name. So each file is read by the library or
// the program that reads it in earnest (compose-go, kustomize and the Kubernetes API types, promtool, Prometheus), and
// what it says is compared with the program itself, built from the folder above.
//
// It is a module of its own, so that none of this weighs on the program's.
//
// # Failure
//
// Tests that need Prometheus (Debian's package prometheus) or root are skipped where they have none, and fail instead with
// ATTEMPTSTREAM_REQUIRE_TOOLS=1.
package deploy
